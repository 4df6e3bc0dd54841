//! How many tokens an answer may still have, and how its text ends with them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::closing::{Chart, Completion, Listed, Rules, Searches, Speller, Stop, Untold};
use super::error::GrammarError;
use super::grammar::Compiled;
use toktrie::TokTrie;

/// Bytes of the longest shortest text: no model has room for as many tokens.
const LONGEST: usize = 1 << 20;
/// Said of a grammar whose shortest text is none of the vocabulary's.
const NO_TOKENS: &str = "the vocabulary has no tokens to spell its shortest text with";

/// The beginning of all answers of a grammar.
pub(super) struct Opening {
    course: Course,
    /// The shortest text.
    plan: Vec<u32>,
    speller: Speller,
}

/// An answer under way.
#[derive(Clone)]
pub(super) struct Budget {
    left: usize,
    course: Course,
    /// How its text ends from here.
    way: Way,
    searches: Searches,
    speller: Speller,
}

/// Where a text is.
#[derive(Debug, Clone)]
enum Course {
    /// In the rules of a grammar: ended soonest by the fewest bytes.
    Rules(Chart),
    /// In a list of texts: ended soonest by the fewest tokens.
    Listed(Listed),
    /// On its way to the end: nothing but what is planned may follow.
    Planned,
}

/// A way to the end of a text that is sure to be there: it hangs on nothing that may be forgotten meanwhile.
#[derive(Debug, Clone)]
enum Way {
    /// Its tokens, never more than are left.
    Tokens(VecDeque<u32>),
    /// Its text, which has no more bytes than tokens are left, each of which is a token.
    Bytes(Completion),
}

impl Opening {
    /// # Errors
    /// The shortest text cannot be spelled in tokens, or is far too long.
    pub(super) fn new(rules: Rules, trie: &TokTrie) -> Result<Self, String> {
        let mut chart = Chart::new(Arc::new(rules)).map_err(Stop::from)?;
        let mut searches = Searches::default();
        let ending = chart.ending(&mut searches).map_err(Stop::from)?.ok_or(Untold::NoEnd)?;
        if ending.cost() > LONGEST {
            return Err(format!("even its shortest text has more than {LONGEST} bytes"));
        }
        let text = ending.text();
        chart.clone().follow(&text, &mut searches)?;
        let mut speller = Speller::default();
        let plan = speller.spell(trie, &text).ok_or(NO_TOKENS)?;
        Ok(Self { course: Course::Rules(chart), plan, speller })
    }

    /// That of answers that are one of these texts.
    ///
    /// # Errors
    /// None of them can be spelled in tokens.
    pub(super) fn listed(texts: &[String], trie: &TokTrie) -> Result<Self, String> {
        let listed = Listed::new(texts, trie);
        let plan = listed.ending().ok_or(NO_TOKENS)?;
        Ok(Self { course: Course::Listed(listed), plan, speller: Speller::default() })
    }

    /// Tokens of the shortest text.
    pub(super) fn shortest(&self) -> usize {
        self.plan.len()
    }

    /// About how many bytes it takes, with what all answers share.
    pub(super) fn bytes(&self) -> usize {
        match &self.course {
            Course::Rules(chart) => chart.bytes(),
            Course::Listed(listed) => listed.bytes(),
            Course::Planned => 0,
        }
    }

    /// An answer of at most `limit` tokens.
    pub(super) fn within(&self, limit: usize) -> Result<Budget, GrammarError> {
        if self.plan.len() > limit {
            return Err(GrammarError::TooShort { limit, shortest: self.plan.len() });
        }
        let (course, speller) = (self.course.clone(), self.speller.clone());
        let way = Way::Tokens(self.plan.iter().copied().collect());
        Ok(Budget { left: limit, course, way, searches: Searches::default(), speller })
    }
}

impl Budget {
    /// The token that must come next if nothing but the plan may follow; `None` at its end.
    pub(super) fn planned(&self) -> Option<u32> {
        match &self.way {
            Way::Tokens(plan) => plan.front().copied(),
            Way::Bytes(_) => None,
        }
    }

    /// Whether nothing but the plan may follow.
    pub(super) fn has_only_its_plan(&self) -> bool {
        matches!(self.course, Course::Planned)
    }

    /// Takes `id`, or else the next token of what ends the text soonest, if it has not ended. Where too much work was asked for, nothing but
    /// the plan may follow.
    ///
    /// # Errors
    /// The rules do not allow it.
    pub(super) fn take(&mut self, grammar: &Compiled, id: u32) -> Result<Option<u32>, String> {
        let taken = self.taken(grammar, id)?;
        if self.searches.are_used_up() && !self.has_only_its_plan() {
            self.plan_the_rest(grammar)?;
        }
        Ok(taken)
    }

    fn taken(&mut self, grammar: &Compiled, id: u32) -> Result<Option<u32>, String> {
        let left = self.left.checked_sub(1).ok_or("no token is left")?;
        let trie = grammar.tokens.tok_trie();
        let after = match self.course.clone() {
            Course::Rules(chart) => self.after(chart, trie, id, left)?,
            Course::Listed(mut listed) => {
                listed.follow(trie.token(id))?;
                let plan = listed.ending().filter(|plan| plan.len() <= left);
                plan.map(|plan| (Course::Listed(listed), Way::Tokens(plan.into())))
            }
            Course::Planned => None,
        };
        if let Some((course, way)) = after {
            (self.left, self.course, self.way) = (left, course, way);
            return Ok(Some(id));
        }
        let mut plan = self.plan(trie)?;
        let first = plan.pop_front();
        self.way = Way::Tokens(plan);
        let Some(first) = first else { return Ok(None) };
        match &mut self.course {
            Course::Rules(chart) => match chart.follow(trie.token(first), &mut self.searches) {
                Ok(()) => {}
                Err(Stop::TooMuch) => self.course = Course::Planned,
                Err(Stop::Not(why)) => return Err(why),
            },
            Course::Listed(listed) => listed.follow(trie.token(first))?,
            Course::Planned => {}
        }
        self.left = left;
        Ok(Some(first))
    }

    /// Where the text is after `id`, and how it ends from there, if it can be made whole with the `left` that there are.
    fn after(
        &mut self,
        mut chart: Chart,
        trie: &TokTrie,
        id: u32,
        left: usize,
    ) -> Result<Option<(Course, Way)>, String> {
        match chart.follow(trie.token(id), &mut self.searches) {
            Ok(()) => {}
            Err(Stop::TooMuch) => return Ok(None),
            Err(Stop::Not(why)) => return Err(why),
        }
        let ending = chart.ending(&mut self.searches).ok().flatten();
        if let Some(ending) = ending.as_ref().filter(|ending| chart.ends_in_single_bytes() && ending.cost() <= left) {
            return Ok(Some((Course::Rules(chart), Way::Bytes(ending.clone()))));
        }
        if let Way::Tokens(plan) = &mut self.way
            && plan.front() == Some(&id)
        {
            plan.pop_front();
            return Ok(Some((Course::Rules(chart), Way::Tokens(std::mem::take(plan)))));
        }
        let near = ending.filter(|ending| ending.cost() <= left.saturating_mul(trie.max_token_len()));
        let plan = near.and_then(|ending| self.speller.spell(trie, &ending.text()));
        let plan = plan.filter(|plan| plan.len() <= left);
        Ok(plan.map(|plan| (Course::Rules(chart), Way::Tokens(plan.into()))))
    }

    /// Tokens that end the text, to be put back.
    fn plan(&mut self, trie: &TokTrie) -> Result<VecDeque<u32>, String> {
        match &mut self.way {
            Way::Tokens(plan) => Ok(std::mem::take(plan)),
            Way::Bytes(ending) => {
                let plan = self.speller.spell(trie, &ending.text()).filter(|plan| plan.len() <= self.left);
                Ok(plan.ok_or("the vocabulary cannot spell its end")?.into())
            }
        }
    }

    #[cfg(test)]
    pub(super) fn chart(&self) -> &Chart {
        match &self.course {
            Course::Rules(chart) => chart,
            course => panic!("{course:?}"),
        }
    }

    /// From here on the text goes as it is planned to end.
    ///
    /// # Errors
    /// It cannot be planned.
    pub(super) fn plan_the_rest(&mut self, grammar: &Compiled) -> Result<(), String> {
        self.way = Way::Tokens(self.plan(grammar.tokens.tok_trie())?);
        self.course = Course::Planned;
        Ok(())
    }
}
