//! Any bytes as an importance matrix: an error, or sums and counts that are numbers and fit the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_checkpoint::imatrix::Imatrix;

fuzz_target!(|bytes: &[u8]| {
    match Imatrix::parse(bytes) {
        Ok(imatrix) => {
            assert!(!imatrix.entries.is_empty());
            for (name, inputs) in &imatrix.entries {
                assert!(4 * inputs.sums.len() <= bytes.len(), "{name}: more sums than bytes");
                assert!(inputs.sums.iter().all(|sum| sum.is_finite() && *sum >= 0.0), "{name}");
                let means = inputs.mean_squares();
                assert!(means.is_none_or(|means| means.len() == inputs.sums.len()), "{name}");
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains('\n'), "an error of several lines: {error}");
        }
    }
});
