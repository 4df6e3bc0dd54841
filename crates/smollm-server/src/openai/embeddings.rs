//! `POST /v1/embeddings`: texts to vectors.
//!
//! The vector is made of the hidden states after the last norm, which the head reads: their mean over the prompt's tokens (the default),
//! or that of the last token; scaled to length 1 unless the request says otherwise. The models were not trained for it.

use crate::app::{App, Shared};
use crate::body::{Body, Fields, Wire};
use crate::call::Call;
use crate::deadline::Deadline;
use crate::error::{ApiError, ErrorBody};
use crate::prompts::Prompts;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use smollm_engine::{Event, Pooling, Request, Submission};
use utoipa::ToSchema;

/// Texts.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EmbeddingRequest {
    /// Name of the model.
    model: Option<String>,
    input: Prompts,
    /// `float`, or `base64` for little-endian f32.
    encoding_format: Option<Encoding>,
    /// Must be the model's own, where it is given.
    dimensions: Option<usize>,
    /// `mean` over all tokens, or the `last` one; as the server was told (`mean` if it was not) where absent.
    pooling: Option<Which>,
    /// Scale vectors to length 1 (true where absent).
    normalize: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Float,
    Base64,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Which {
    Mean,
    Last,
}

/// Their vectors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingAnswer {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: EmbeddingUsage,
}

#[derive(Debug, Serialize, ToSchema)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

/// Numbers, or their bytes in base64.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Vector {
    Float(Vec<f32>),
    Base64(String),
}

#[derive(Debug, Serialize, ToSchema)]
struct EmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

impl Wire for EmbeddingRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        fields.take()
    }
}

/// Texts to vectors: hidden states after the last norm, their mean (the default) or the last.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "OpenAI", request_body = EmbeddingRequest,
    responses((status = 200, body = EmbeddingAnswer), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn embeddings(State(app): State<Shared>, body: Body<EmbeddingRequest>) -> Result<Response, ApiError> {
    let deadline = Deadline::of(&app.settings);
    deadline.keep(answered(&app, body)).await
}

async fn answered(app: &App, body: Body<EmbeddingRequest>) -> Result<Response, ApiError> {
    let Body { value: request, ignored } = body;
    let lease = app.catalog.lease(request.model.as_deref()).await?;
    let pooling = match request.pooling {
        Some(Which::Mean) => Pooling::Mean,
        Some(Which::Last) => Pooling::Last,
        None => app.settings.pooling,
    };
    let mut prompt_tokens = 0;
    let mut submissions = Vec::new();
    for (_, ids) in request.input.resolve(&lease, "input").await? {
        if ids.is_empty() {
            return Err(ApiError::bad("there is an input without tokens").param("input"));
        }
        lease.model.check_length(ids.len())?;
        prompt_tokens += ids.len();
        let adapter = lease.weights();
        submissions.push(Submission { pooling: Some(pooling), adapter, ..Submission::new(ids, Request::default()) });
    }
    let count = submissions.len();
    let call = Call::start(app, &lease.model.engine, submissions);
    let call = call.map_err(|error| match error.param.as_deref() {
        Some("prompt") => error.param("input"), // as it is called here
        _ => error,
    })?;
    let mut vectors = vectors(call, count).await?;
    if request.normalize.unwrap_or(true) {
        vectors.iter_mut().for_each(|vector| normalise(vector));
    }
    let width = vectors.first().map_or(0, Vec::len);
    if let Some(wanted) = request.dimensions.filter(|&wanted| wanted != width) {
        let message = format!("dimensions is {wanted}; the vectors of this model have {width}");
        return Err(ApiError::unsupported("dimensions", message));
    }
    let encode = |vector: Vec<f32>| match request.encoding_format {
        Some(Encoding::Base64) => Vector::Base64(base64(&vector)),
        _ => Vector::Float(vector),
    };
    let data = vectors.into_iter().enumerate().map(|(index, vector)| Embedding {
        object: "embedding",
        index,
        embedding: encode(vector),
    });
    let usage = EmbeddingUsage { prompt_tokens, total_tokens: prompt_tokens };
    let answer = EmbeddingAnswer { object: "list", data: data.collect(), model: lease.name, usage };
    let mut response = Json(answer).into_response();
    ignored.note(&mut response);
    Ok(response)
}

/// Waits for the vectors of all submissions.
async fn vectors(mut call: Call, count: usize) -> Result<Vec<Vec<f32>>, ApiError> {
    let mut vectors = vec![Vec::new(); count];
    let mut open = count;
    while open > 0 {
        match call.next().await? {
            (index, Event::Embedding(vector)) => vectors[index] = vector,
            (_, Event::Finished { .. }) => open -= 1,
            (_, Event::Failed(error)) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(vectors)
}

/// Scales to length 1; the zero vector stays.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}

/// The numbers as little-endian bytes in base64 (RFC 4648, section 4).
fn base64(vector: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().chain([&0; 2]).take(3).fold(0, |word, byte| word << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = ALPHABET[word >> (18 - 6 * place) & 63];
            text.push(if place <= group.len() { letter.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_base64() {
        assert_eq!(base64(&[]), "");
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, -2.0]), "AACAPwAAAMA=");
        assert_eq!(base64(&[1.0, -2.0, 0.5]), "AACAPwAAAMAAAAA/");
    }

    #[test]
    fn vectors_have_length_one_or_none() {
        let mut vector = [3.0, 4.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut nothing = [0.0; 2];
        normalise(&mut nothing);
        assert_eq!(nothing, [0.0; 2]);
    }
}
