//! What a run measured, as a table and as JSON.

use serde_json::{Value, json};

use super::{cpu, memory};

/// A run.
#[derive(Default)]
pub(crate) struct Report {
    /// Envoy's version.
    pub(crate) envoy: String,
    pub(crate) cpu: Vec<cpu::Measured>,
    pub(crate) memory: Vec<memory::Measured>,
}

/// What the lines of [`cpu::Measured`] say.
pub(crate) fn cpu_heading() -> &'static str {
    "Envoy's CPU per request, through the filter over the same bytes without it\n\
     stream      base64  at once   ratio  quartiles     aim   filter ms   plain ms  pairs  p50 latency"
}

/// What the lines of [`memory::Measured`] say.
pub(crate) fn memory_heading() -> &'static str {
    "Memory per open answer, over its base64\n\
     \x20 base64  at once         VM    process      VM peak process peak"
}

/// `6 MB`, `4 KB`.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        1_000_000.. => format!("{} MB", bytes as f64 / 1e6),
        _ => format!("{} KB", bytes as f64 / 1e3),
    }
}

impl Report {
    /// For other programs; units as in the names.
    pub(crate) fn json(&self) -> Value {
        let round = |value: f64| (value * 1000.0).round() / 1000.0;
        let cpu = |it: &cpu::Measured| {
            json!({"stream": it.variant.name(), "base64_bytes": it.base64_bytes, "at_once": it.at_once,
                "aim": it.aim, "ratio": round(it.ratio[1]), "ratio_quartiles": it.ratio.map(round),
                "pairs": it.pairs, "filter_us": round(it.gate_us), "plain_us": round(it.plain_us),
                "latency_ratio": round(it.latency_ratio)})
        };
        let memory = |it: &memory::Measured| {
            json!({"base64_bytes": it.base64_bytes, "at_once": it.at_once, "vm": round(it.vm),
                "process": round(it.process), "vm_peak": round(it.vm_peak),
                "process_peak": round(it.process_peak)})
        };
        json!({"envoy": self.envoy, "cpu": self.cpu.iter().map(cpu).collect::<Vec<_>>(),
            "memory_over_base64": self.memory.iter().map(memory).collect::<Vec<_>>()})
    }
}
