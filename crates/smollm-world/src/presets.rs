//! What is asked of a model for a summary, a rewrite, a title: after the prompts on SmolLM2-1.7B-Instruct's card and in smol_tools.
//!
//! Each function gives the messages of a new conversation. The world's exercises ask in just these words, so that a model trained on them
//! and the tools that use it agree. smol_tools also writes the first words of a summary for the model; that is left to the caller.

use crate::item::{system, user};
use serde_json::Value;

/// How a message is to sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As smol_tools asks: professional and approachable.
    Professional,
    /// As the card's user asks: friendly and approachable.
    Friendly,
}

/// A summary of a text in the third person, as the card asks: a system message says so, and the user's message is the text.
pub fn summarize(text: &str) -> Vec<Value> {
    let task = "Provide a concise, objective summary of the input text in up to three sentences, \
        focusing on key actions and intentions without using second or third person pronouns.";
    vec![system(task), user(text)]
}

/// A question about a text that was summarised: the text and the question as the user's only message.
pub fn follow_up_question(text: &str, question: &str) -> Vec<Value> {
    vec![user(format!("{text}\n\n{question}"))]
}

/// The message in another tone.
pub fn rewrite(message: &str, tone: Tone) -> Vec<Value> {
    let task = "You are an AI writing assistant. Your task is to rewrite the user's email to make it more professional and approachable \
        while maintaining its main points and key message. Do not return any text other than the rewritten message.";
    let wanted = match tone {
        Tone::Professional => "professional",
        Tone::Friendly => "friendly",
    };
    let request = format!(
        "Rewrite the message below to make it more {wanted} and approachable while maintaining its main points and key message. \
        Do not add any new information or return any text other than the rewritten message.\nThe message: {message}"
    );
    vec![system(task), user(request)]
}

/// A title for a text or a conversation, which is the user's only message.
pub fn title(text: &str) -> Vec<Value> {
    vec![user(format!("Create a short title for the text below. Return only the title.\nThe text: {text}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_ends_with_the_users_text() {
        let all = [
            summarize("the text"),
            rewrite("the text", Tone::Friendly),
            rewrite("the text", Tone::Professional),
            title("the text"),
            follow_up_question("A.", "the text"),
        ];
        for messages in all {
            let last = messages.last().expect("a message");
            assert_eq!(last["role"], "user");
            assert!(last["content"].as_str().is_some_and(|content| content.ends_with("the text")), "{last}");
            assert!(messages.iter().all(|message| !message["content"].as_str().unwrap_or_default().contains("  ")));
        }
    }
}
