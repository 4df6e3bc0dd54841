//! The machine as Linux describes it, and how much of it other work takes.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU, cores and memory in words.
pub(crate) fn describe() -> Result<String> {
    let cores = thread::available_parallelism().context("the number of cores is unknown")?;
    Ok(in_words(&read("/proc/cpuinfo")?, &read("/proc/meminfo")?, cores.get()))
}

/// Share of the CPU time of all cores that went to anything in the next `seconds`, 0 to 1: we only sleep.
pub(crate) fn busy_share(seconds: u64) -> Result<f64> {
    let before = cpu_times(&read("/proc/stat")?)?;
    thread::sleep(Duration::from_secs(seconds));
    let after = cpu_times(&read("/proc/stat")?)?;
    Ok(share(before, after))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{path}: bench-peers describes the machine as Linux does"))
}

fn in_words(cpuinfo: &str, meminfo: &str, cores: usize) -> String {
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    };
    let cpu = |name| field(cpuinfo, name).unwrap_or_else(|| "?".to_owned());
    let kilobytes = field(meminfo, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let flags = cpu("flags");
    let has = |flag: &str| flags.split(' ').any(|known| known == flag);
    let sets = [
        ("avx2", "AVX2"),
        ("avx512f", "AVX-512"),
        ("avx512_vnni", "VNNI"),
        ("avx512_bf16", "BF16"),
        ("amx_tile", "AMX"),
    ];
    let sets: Vec<&str> = sets.iter().filter(|(flag, _)| has(flag)).map(|(_, name)| *name).collect();
    format!(
        "{} (family {} model {}; {}), {cores} cores, {:.0} GB",
        cpu("model name"),
        cpu("cpu family"),
        cpu("model"),
        if sets.is_empty() { "no vector set that we use".to_owned() } else { sets.join(", ") },
        kilobytes.unwrap_or(0.0) * 1024e-9,
    )
}

/// Ticks spent at work and in all, of all cores since boot.
fn cpu_times(stat: &str) -> Result<(f64, f64)> {
    let line = stat.lines().next().filter(|line| line.starts_with("cpu ")).context("/proc/stat begins otherwise")?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in user and nice already
    let ticks = ticks.get(..8).context("/proc/stat has fewer columns than eight")?;
    let all: f64 = ticks.iter().sum();
    Ok((all - ticks[3] - ticks[4], all))
}

fn share(before: (f64, f64), after: (f64, f64)) -> f64 {
    let all = after.1 - before.1;
    if all > 0.0 { (after.0 - before.0) / all } else { 0.0 }
}

#[cfg(test)]
mod tests;
