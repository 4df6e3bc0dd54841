//! Gradients in plain f64, and what they are measured by: central differences.

/// ||a - b|| / ||b||, or ||a - b|| where b is zero.
pub(crate) fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
    let of = norm(&mut b.iter().copied());
    if of == 0.0 { difference } else { difference / of }
}

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

/// The gradient of `loss` at `x` by central differences.
pub(crate) fn differences(x: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut moved = x.to_vec();
    (0..x.len())
        .map(|i| {
            let mut at = |value: f64| {
                moved[i] = value;
                loss(&moved)
            };
            let difference = (at(x[i] + STEP) - at(x[i] - STEP)) / (2.0 * STEP);
            moved[i] = x[i];
            difference
        })
        .collect()
}

/// out and the gradients of x and weight.
pub(crate) fn rms_norm(x: &[f64], weight: &[f64], eps: f64, dout: &[f64]) -> [Vec<f64>; 3] {
    let c = weight.len();
    let (mut out, mut dx, mut dweight) = (Vec::new(), Vec::new(), vec![0.0; c]);
    for (row, dout) in x.chunks_exact(c).zip(dout.chunks_exact(c)) {
        let r = 1.0 / (row.iter().map(|x| x * x).sum::<f64>() / c as f64 + eps).sqrt();
        let inner: f64 = (0..c).map(|i| weight[i] * dout[i] * row[i]).sum();
        for i in 0..c {
            out.push(row[i] * r * weight[i]);
            dx.push(r * weight[i] * dout[i] - row[i] * r.powi(3) * inner / c as f64);
            dweight[i] += dout[i] * row[i] * r;
        }
    }
    [out, dx, dweight]
}

/// out and the gradients of gate and up.
pub(crate) fn swiglu(gate: &[f64], up: &[f64], dout: &[f64]) -> [Vec<f64>; 3] {
    let (mut out, mut dgate, mut dup) = (Vec::new(), Vec::new(), Vec::new());
    for ((gate, up), dout) in gate.iter().zip(up).zip(dout) {
        let p = 1.0 / (1.0 + (-gate).exp());
        out.push(gate * p * up);
        dgate.push(dout * up * (p + gate * p * (1.0 - p)));
        dup.push(dout * gate * p);
    }
    [out, dgate, dup]
}

/// The shape of attention: the lengths of documents, H, G, D.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) lengths: Vec<usize>,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) dim: usize,
}

impl Shape {
    pub(crate) fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    pub(crate) fn documents(&self) -> Vec<std::ops::Range<usize>> {
        let mut start = 0;
        let document = |len: &usize| {
            start += len;
            start - len..start
        };
        self.lengths.iter().map(document).collect()
    }
}

/// out, and the gradients of q, k and v.
pub(crate) fn attention([q, k, v, dout]: [&[f64]; 4], shape: &Shape) -> [Vec<f64>; 4] {
    let Shape { heads, kv_heads, dim, .. } = *shape;
    let mut out = vec![0.0; q.len()];
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| vec![0.0; x.len()]);
    let scale = 1.0 / (dim as f64).sqrt();
    for document in shape.documents() {
        for (t, head) in document.clone().flat_map(|t| (0..heads).map(move |head| (t, head))) {
            let own = (t * heads + head) * dim;
            let other = |s: usize| (s * kv_heads + head / (heads / kv_heads)) * dim;
            let seen = document.start..t + 1;
            let dot = |a: &[f64], i: usize, b: &[f64], j: usize| (0..dim).map(|d| a[i + d] * b[j + d]).sum::<f64>();
            let scores: Vec<f64> = seen.clone().map(|s| scale * dot(q, own, k, other(s))).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| (score - max).exp()).sum();
            let p: Vec<f64> = scores.iter().map(|score| (score - max).exp() / sum).collect();
            for (s, p) in seen.clone().zip(&p) {
                (0..dim).for_each(|d| out[own + d] += p * v[other(s) + d]);
            }
            let inner = dot(&out, own, dout, own);
            for (s, p) in seen.clone().zip(&p) {
                let d_score = p * (dot(dout, own, v, other(s)) - inner) * scale;
                for d in 0..dim {
                    dv[other(s) + d] += p * dout[own + d];
                    dq[own + d] += d_score * k[other(s) + d];
                    dk[other(s) + d] += d_score * q[own + d];
                }
            }
        }
    }
    [out, dq, dk, dv]
}

/// The log-probability of each target, log Z, and the gradient of -sum(weight log_prob) + sum(squared log_z^2) with respect to the logits.
pub(crate) fn log_probs(logits: &[f64], targets: &[u32], weights: &[[f64; 2]]) -> [Vec<f64>; 3] {
    let width = logits.len() / targets.len();
    let (mut log_probs, mut log_zs, mut d) = (Vec::new(), Vec::new(), Vec::new());
    for ((row, target), [weight, squared]) in logits.chunks_exact(width).zip(targets).zip(weights) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_z = max + row.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
        log_probs.push(row[*target as usize] - log_z);
        log_zs.push(log_z);
        for (i, x) in row.iter().enumerate() {
            let onehot = if i == *target as usize { *weight } else { 0.0 };
            d.push((weight + 2.0 * squared * log_z) * (x - log_z).exp() - onehot);
        }
    }
    [log_probs, log_zs, d]
}
