//! Ready questions for `/example`: the six topics of `trl chat`, in our words.

/// Names and questions.
pub(crate) const QUESTIONS: [(&str, &str); 6] = [
    ("llama", "A llama has wandered into my garden. How do I get it to leave without upsetting it?"),
    (
        "code",
        "Write a Python function that integrates a given function f numerically over an interval from a to b, and \
         show how to call it.",
    ),
    ("helicopter", "How many helicopters could one person eat at a single meal?"),
    ("numbers", "Count from one to ten, but leave out every number whose English name ends in the letter e."),
    ("birds", "Some people say that birds are not real. What would you tell them?"),
    ("socks", "Why should I eat my socks after meditating?"),
];

/// The question of that name.
pub(crate) fn question(name: &str) -> Option<&'static str> {
    QUESTIONS.iter().find(|(known, _)| *known == name).map(|(_, question)| *question)
}
