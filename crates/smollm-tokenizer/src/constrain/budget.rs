//! How many tokens an answer may still have, and how its text ends with them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::closing::{Chart, Rules, Speller, Stop};
use super::error::GrammarError;
use super::grammar::Compiled;
use toktrie::TokTrie;

/// Bytes of the longest shortest text: no model has room for as many tokens.
const LONGEST: u32 = 1 << 20;

/// The beginning of all answers of a grammar.
pub(super) struct Opening {
    chart: Chart,
    /// The shortest text.
    plan: Vec<u32>,
    speller: Speller,
}

/// An answer under way.
#[derive(Clone)]
pub(super) struct Budget {
    left: usize,
    /// Where it is; `None` when nothing but the plan may follow.
    chart: Option<Chart>,
    /// Tokens that end the text from here, where they have been worked out; never more than are left. Where they have not, as many as are
    /// left suffice in any case.
    plan: Option<VecDeque<u32>>,
    speller: Speller,
}

impl Opening {
    /// # Errors
    /// The shortest text cannot be spelled in tokens, or is far too long.
    pub(super) fn new(rules: Rules, trie: &TokTrie) -> Result<Self, String> {
        let mut chart = Chart::new(Arc::new(rules)).map_err(Stop::from)?;
        let cost = chart.cost().map_err(Stop::from)?;
        if cost > LONGEST {
            return Err(format!("even its shortest text has more than {LONGEST} bytes"));
        }
        let text = chart.ending()?;
        chart.clone().follow(&text)?;
        let mut speller = Speller::default();
        let plan = speller.spell(trie, &text);
        let plan = plan.ok_or("the vocabulary has no tokens to spell its shortest text with")?;
        Ok(Self { chart, plan, speller })
    }

    /// Tokens of the shortest text.
    pub(super) fn shortest(&self) -> usize {
        self.plan.len()
    }

    /// About how many bytes it takes, with what all answers share.
    pub(super) fn bytes(&self) -> usize {
        self.chart.bytes()
    }

    /// An answer of at most `limit` tokens.
    pub(super) fn within(&self, limit: usize) -> Result<Budget, GrammarError> {
        if self.plan.len() > limit {
            return Err(GrammarError::TooShort { limit, shortest: self.plan.len() });
        }
        let (chart, speller) = (Some(self.chart.clone()), self.speller.clone());
        Ok(Budget { left: limit, chart, plan: Some(self.plan.iter().copied().collect()), speller })
    }
}

impl Budget {
    /// The token that must come next if nothing but the plan may follow; `None` at its end.
    pub(super) fn planned(&self) -> Option<u32> {
        self.plan.as_ref()?.front().copied()
    }

    /// Takes `id`, or else the next token of what ends the text soonest, if it has not ended.
    ///
    /// # Errors
    /// The rules do not allow it.
    pub(super) fn take(&mut self, grammar: &Compiled, id: u32) -> Result<Option<u32>, String> {
        let left = self.left.checked_sub(1).ok_or("no token is left")?;
        let trie = grammar.tokens.tok_trie();
        if let Some(chart) = self.chart.clone()
            && let Some((chart, plan)) = self.after(chart, trie, id, left)?
        {
            (self.left, self.chart, self.plan) = (left, Some(chart), plan);
            return Ok(Some(id));
        }
        let plan = self.plan_the_way(trie)?;
        let Some(first) = plan.pop_front() else { return Ok(None) };
        if let Some(chart) = &mut self.chart {
            match chart.follow(trie.token(first)) {
                Ok(()) => {}
                Err(Stop::TooMuch) => self.chart = None,
                Err(Stop::Not(why)) => return Err(why),
            }
        }
        self.left = left;
        Ok(Some(first))
    }

    /// Where the text is after `id`, and with which tokens it ends then, if it can be made whole with the `left` that there are.
    #[allow(clippy::type_complexity, reason = "a chart, and a plan if one had to be made")]
    fn after(
        &mut self,
        mut chart: Chart,
        trie: &TokTrie,
        id: u32,
        left: usize,
    ) -> Result<Option<(Chart, Option<VecDeque<u32>>)>, String> {
        match chart.follow(trie.token(id)) {
            Ok(()) => {}
            Err(Stop::TooMuch) => return Ok(None),
            Err(Stop::Not(why)) => return Err(why),
        }
        let cost = chart.cost().map(|cost| cost as usize);
        if chart.ends_in_single_bytes() && cost.is_ok_and(|cost| cost <= left) {
            return Ok(Some((chart, None))); // a token for each byte would do
        }
        if self.plan.as_ref().is_some_and(|plan| plan.front() == Some(&id)) {
            let rest = self.plan.take().map(|mut plan| {
                plan.pop_front();
                plan
            });
            return Ok(Some((chart, rest)));
        }
        if cost.is_ok_and(|cost| cost <= left.saturating_mul(trie.max_token_len())) {
            let plan = chart.ending().ok().and_then(|text| self.speller.spell(trie, &text));
            let plan = plan.filter(|plan| plan.len() <= left).map(VecDeque::from);
            return Ok(plan.map(|plan| (chart, Some(plan))));
        }
        Ok(None)
    }

    /// Tokens that end the text.
    fn plan_the_way(&mut self, trie: &TokTrie) -> Result<&mut VecDeque<u32>, String> {
        let plan = match (self.plan.take(), &mut self.chart) {
            (Some(plan), _) => plan,
            (None, Some(chart)) => {
                let plan = self.speller.spell(trie, &chart.ending()?).filter(|plan| plan.len() <= self.left);
                plan.ok_or("the vocabulary cannot spell its end")?.into()
            }
            (None, None) => return Err("there is no way to its end".into()),
        };
        Ok(self.plan.insert(plan))
    }

    #[cfg(test)]
    pub(super) fn chart(&self) -> &Chart {
        self.chart.as_ref().unwrap()
    }

    /// From here on the text goes as it is planned to end.
    ///
    /// # Errors
    /// It cannot be planned.
    pub(super) fn plan_the_rest(&mut self, grammar: &Compiled) -> Result<(), String> {
        self.plan_the_way(grammar.tokens.tok_trie())?;
        self.chart = None;
        Ok(())
    }
}
