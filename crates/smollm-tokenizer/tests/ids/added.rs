//! Added tokens with random contents and flags against the Rust crate `tokenizers`.

use proptest::prelude::*;
use serde_json::{Value, json};
use smollm_tokenizer::Specials;

use crate::files::{load, small};

fn added_token() -> impl Strategy<Value = (String, [bool; 5])> {
    // Contents that contain, begin and continue one another; none begins or ends with white space, which the oracle
    // cannot always slice around.
    ("[ab<>é_]{1,3}|a b|<a>|word|[ab]é", any::<[bool; 5]>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn ids_with_random_added_tokens(
        tokens in prop::collection::vec(added_token(), 1..5),
        texts in prop::collection::vec("[ab<>é_ \nword]{0,16}|(a b|<a>|word| |é|\t){0,8}", 4),
    ) {
        let mut json = small("llama3_small");
        json["post_processor"] = Value::Null;
        json["added_tokens"] = json!([]);
        let (mut contents, mut next) = (Vec::new(), json["model"]["vocab"].as_object().unwrap().len());
        for (content, [special, single_word, lstrip, rstrip, normalized]) in tokens {
            if contents.contains(&content) {
                continue;
            }
            let in_model = json["model"]["vocab"].get(content.as_str()).and_then(Value::as_u64);
            let id = in_model.unwrap_or(next as u64);
            next += usize::from(in_model.is_none());
            json["added_tokens"].as_array_mut().unwrap().push(json!({
                "id": id, "content": content, "special": special, "single_word": single_word,
                "lstrip": lstrip, "rstrip": rstrip, "normalized": normalized,
            }));
            contents.push(content);
        }
        let mut oracle: tokenizers::Tokenizer = json.to_string().parse().unwrap();
        let ours = load(&json).unwrap();
        for specials in [Specials::Parse, Specials::AsText] {
            oracle.set_encode_special_tokens(specials == Specials::AsText);
            for text in &texts {
                let expected = oracle.encode_fast(text.as_str(), false).unwrap();
                let added = &json["added_tokens"];
                prop_assert_eq!(ours.encode(text, specials), expected.get_ids(), "{:?} with {} in {:?}", text, added, specials);
            }
        }
    }
}
