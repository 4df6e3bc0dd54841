//! The built-in model lies as a mapped file would, and is whole.

use super::*;
use crate::files::ModelFiles;
use crate::model::{Model, OpenOptions, Parts, local_files};
use smollm_hub::Silent;

#[test]
fn it_is_used_where_it_lies() {
    let begin = FILE.0.as_ptr() as usize;
    assert_eq!(begin % 64, 0);
    let checkpoint = open().unwrap();
    assert!(checkpoint.files().is_empty() && checkpoint.tensors().len() > 0);
    for tensor in checkpoint.tensors() {
        let data = tensor.data.as_slice().as_ptr() as usize;
        assert!((begin..begin + FILE.0.len()).contains(&data) && data.is_multiple_of(32), "{}", tensor.name);
    }
}

#[test]
fn its_name_means_nothing_else() {
    assert_eq!(local_files(BUILT_IN, &Silent).unwrap(), ModelFiles::BuiltIn);
    assert!(local_files("./nano", &Silent).unwrap_err().to_string().contains("./nano"));
    let files = ModelFiles::BuiltIn;
    assert_eq!((files.to_string(), files.model_name(), files.path()), (SHOWN.into(), BUILT_IN.into(), None));
}

/// What a chat needs: weights, tokenizer, chat template, a token that ends answers; and messages that do not speak of a path.
#[test]
fn it_has_all_that_a_chat_needs() {
    let parts = Parts::read(&ModelFiles::BuiltIn).unwrap();
    assert!(parts.text.tokenizer.is_some() && parts.text.template.is_some());
    assert!(parts.config.max_position_embeddings >= 1024, "{:?}", parts.config);
    let missing = parts.checkpoint.tensor("nothing").unwrap_err().to_string();
    assert!(missing.starts_with("the built-in model: tensor \"nothing\" is missing"), "{missing}");
    let options = OpenOptions { threads: Some(1), context: Some(64), ..OpenOptions::default() };
    let model = Model::open_with(BUILT_IN, &options, &Silent).unwrap();
    assert!(!model.stop_ids().is_empty());
    assert_eq!((model.name(), model.short_name()), (BUILT_IN, BUILT_IN));
}
