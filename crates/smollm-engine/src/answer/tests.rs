//! How rules end answers.

use super::*;
use crate::mask::TokenSet;

/// Rules that end the answer in the place of the first token.
#[derive(Debug, Clone)]
struct Over(Ending);

impl TokenMask for Over {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        allowed.insert(1);
        Ok(())
    }

    fn accept(&mut self, _: u32) -> Result<Option<u32>, MaskError> {
        Ok(None)
    }

    fn ending(&mut self) -> Result<Ending, MaskError> {
        Ok(self.0)
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

#[test]
fn rules_may_end_an_answer_in_the_place_of_a_token_whole_or_cut_off() {
    let ends = [
        (Ending::Here, FinishReason::Complete),
        (Ending::Possible, FinishReason::Complete),
        (Ending::Later, FinishReason::Length),
    ];
    for (ending, reason) in ends {
        let mut answer =
            Answer::new(&Request::default(), &[0]).masked(Some(Box::new(Over(ending))), 3, MaskTiming::Between);
        let chosen = answer.choose(&mut [0.0, 0.0, 9.0], 0).expect("a token is allowed");
        assert_eq!(chosen.map(|token| token.id), Err(reason));
    }
}
