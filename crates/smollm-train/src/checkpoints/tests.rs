//! States that come back to the bit, and what is left of those that were cut short.

use super::*;
use crate::optimizer::MomentTensors;
use crate::tensors::Place;
use smollm_model::{LayerSlot, Shape, Slot};

fn table() -> Vec<Learnt> {
    let row = |place, name: &str, shape| Learnt { place, name: name.into(), shape };
    vec![
        row(Place::Base(Slot::Norm), "model.norm.weight", Shape::Vector(5)),
        row(Place::LoraA(1, LayerSlot::QProj), "layers.1.q_proj.lora_A.weight", Shape::Matrix(2, 5)),
    ]
}

fn state(step: u64) -> State {
    let fill = |by: f32| {
        Tensors::of(table(), |_, values| {
            values.iter_mut().enumerate().for_each(|(i, x)| *x = by / (i as f32 + 3.0) - step as f32);
        })
    };
    let moments = MomentTensors { first: fill(2.0), second: fill(f32::MIN_POSITIVE) };
    State { step, tokens: 70 * step, supervised: 50 * step, learnt: fill(1.0), moments }
}

fn progress(step: u64, best: Best) -> Progress {
    Progress { step, tokens: 70 * step, supervised: 50 * step, isa: "scalar".into(), best }
}

fn bits(tensors: &Tensors) -> Vec<u32> {
    tensors.iter().flat_map(|(_, values)| values).map(|x| x.to_bits()).collect()
}

fn checkpoints(folder: &tempfile::TempDir, last: usize, best: usize) -> Checkpoints {
    Checkpoints::new(folder.path().join("checkpoints"), KeepRule { last, best })
}

#[test]
fn the_newest_state_comes_back_to_the_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = checkpoints(&folder, 2, 0);
    assert!(checkpoints.newest(&table()).expect("no folder is no state").is_none());
    let best = Best { least: vec![(6, 1.25)], since: 1, at: 6 };
    for step in [3, 6] {
        checkpoints.save(&state(step), &progress(step, best.clone())).expect("saved");
    }
    let found = checkpoints.newest(&table()).expect("readable").expect("there is one");
    assert_eq!(found.progress, progress(6, best));
    assert!(found.torn.is_empty());
    for (got, expected) in [
        (&found.state.learnt, &state(6).learnt),
        (&found.state.moments.first, &state(6).moments.first),
        (&found.state.moments.second, &state(6).moments.second),
    ] {
        assert_eq!(bits(got), bits(expected));
    }
    assert_eq!(bits(&checkpoints.weights(3, &table()).expect("there")), bits(&state(3).learnt));
}

#[test]
fn old_states_go_and_the_best_one_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = checkpoints(&folder, 2, 1);
    let mut best = Best::default();
    for (step, loss) in [(1, 3.0), (2, 2.0), (3, 2.5), (4, f64::NAN), (5, 2.5)] {
        assert_eq!(best.note(step, loss, 1).is_some(), step < 3);
        checkpoints.save(&state(step), &progress(step, best.clone())).expect("saved");
    }
    assert_eq!(best, Best { least: vec![(2, 2.0)], since: 3, at: 5 });
    assert_eq!(checkpoints.steps().expect("listed"), [2, 4, 5]);
    let mut best = Best::default();
    let losses = [3.0, 2.0, 2.5, 2.0, 1.0].into_iter();
    let places: Vec<_> = losses.enumerate().map(|(step, loss)| best.note(step as u64, loss, 2)).collect();
    assert_eq!(places, [Some(0), Some(0), Some(1), Some(1), Some(0)]);
    assert_eq!(best, Best { least: vec![(4, 1.0), (1, 2.0)], since: 0, at: 4 });
}

#[test]
fn a_torn_state_is_told_and_the_one_before_it_is_used() {
    for file in ["weights.safetensors", "moments.safetensors", "state.json"] {
        for damage in ["cut", "changed", "gone"] {
            let folder = tempfile::tempdir().expect("a folder");
            let checkpoints = checkpoints(&folder, 2, 0);
            for step in [1, 2] {
                checkpoints.save(&state(step), &progress(step, Best::default())).expect("saved");
            }
            let path = checkpoints.path(2).join(file);
            let mut bytes = std::fs::read(&path).expect("there");
            match damage {
                "cut" => bytes.truncate(bytes.len() - 7),
                "changed" => {
                    let last = bytes.len() - 3;
                    bytes[last] ^= 0x10;
                }
                _ => {}
            }
            match damage {
                "gone" => std::fs::remove_file(&path).expect("removed"),
                _ => std::fs::write(&path, bytes).expect("written"),
            }
            let found = checkpoints.newest(&table()).expect("an older one serves").expect("there is one");
            assert_eq!(found.progress.step, 1, "{file} {damage}");
            let [(torn, error)] = &found.torn[..] else { panic!("{file} {damage}: {:?}", found.torn) };
            assert_eq!(torn, &checkpoints.path(2));
            assert!(error.to_string().contains(file), "{error}");
            // it counts for none from then on: with one that is kept, the next state pushes out the whole one and nothing else
            checkpoints.save(&state(2), &progress(2, Best::default())).expect("saved");
            assert_eq!(checkpoints.steps().expect("listed"), [1, 2], "{file} {damage}");
            // where none is whole, that is an error
            for step in [1, 2] {
                std::fs::write(checkpoints.path(step).join(file), "x").expect("written");
            }
            let error = checkpoints.newest(&table()).expect_err("none is whole").to_string();
            assert!(error.contains("no checkpoint is whole") && error.contains("remove that folder"), "{error}");
        }
    }
}

#[test]
fn a_state_under_another_name_or_with_another_step_is_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = checkpoints(&folder, 3, 0);
    for step in [1, 2] {
        checkpoints.save(&state(step), &progress(step, Best::default())).expect("saved");
    }
    std::fs::rename(checkpoints.path(2), checkpoints.path(7)).expect("renamed");
    let found = checkpoints.newest(&table()).expect("readable").expect("an older one");
    assert_eq!((found.progress.step, found.torn.len()), (1, 1));
    let path = checkpoints.path(1).join("state.json");
    let text = std::fs::read_to_string(&path).expect("text").replace("\"tokens\": 70", "\"tokens\": 71");
    std::fs::write(&path, text).expect("written");
    assert!(checkpoints.newest(&table()).expect_err("changed").to_string().contains("checksum"));
}

#[test]
fn what_a_crash_left_is_removed_and_what_is_not_ours_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = checkpoints(&folder, 1, 0);
    checkpoints.save(&state(1), &progress(1, Best::default())).expect("saved");
    let partial = folder.path().join("checkpoints/step-00000002.partial");
    std::fs::create_dir(&partial).expect("made");
    std::fs::write(partial.join("weights.safetensors"), b"half").expect("written");
    let notes = folder.path().join("checkpoints/notes.txt");
    std::fs::write(&notes, b"mine").expect("written");
    assert!(checkpoints.newest(&table()).expect("readable").is_some());
    assert!(!partial.exists() && notes.exists());
}

#[test]
fn a_state_of_other_tensors_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = checkpoints(&folder, 1, 0);
    checkpoints.save(&state(1), &progress(1, Best::default())).expect("saved");
    let mut other = table();
    other[0].shape = Shape::Vector(6);
    let error = checkpoints.newest(&other).expect_err("another shape");
    assert!(error.to_string().contains("model.norm.weight"), "{error}");
    let error = checkpoints.newest(&table()[..1]).expect_err("fewer tensors");
    assert!(error.to_string().contains("2 tensors in place of 1"), "{error}");
}

#[cfg(unix)]
#[test]
fn where_nothing_can_be_written_the_last_state_is_whole() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = checkpoints(&folder, 1, 0);
    checkpoints.save(&state(1), &progress(1, Best::default())).expect("saved");
    let inner = folder.path().join("checkpoints");
    // a file where the folder of the next state would be made: root may write anywhere, so permissions would not do
    let blocked = inner.join("step-00000002.partial");
    std::fs::write(&blocked, b"").expect("written");
    assert!(checkpoints.save(&state(2), &progress(2, Best::default())).is_err());
    std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o755)).expect("set");
    std::fs::remove_file(&blocked).expect("removed");
    assert_eq!(checkpoints.newest(&table()).expect("readable").expect("whole").progress.step, 1);
}
