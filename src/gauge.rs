//! Levels of the running process (queues, tables, memory) by enum, for the operator channel only. Never released.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! gauges {
    ($($(#[$doc:meta])* $name:ident = $kind:ident($label:literal)),+ $(,)?) => {
        /// Everything that has a level.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Gauge { $($(#[$doc])* $name),+ }

        impl Gauge {
            /// Every gauge.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What kind of level it is, and its label value.
            pub const fn label(self) -> (GaugeKind, &'static str) {
                match self { $(Self::$name => (GaugeKind::$kind, $label)),+ }
            }
        }
    };
}

/// Which metric a gauge belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GaugeKind {
    /// `hushtap_memory_bytes{part}`.
    Memory,
    /// `hushtap_memory_limit_bytes{part}`.
    MemoryLimit,
    /// `hushtap_queue_depth{queue}`.
    Queue,
    /// `hushtap_flows{state}`.
    Flows,
}

gauges! {
    /// Bytes held by the flow table with its streams and messages.
    FlowMemory = Memory("flows"),
    /// Bytes of transactions between the capture thread and the workers.
    QueueMemory = Memory("queue"),
    /// Budget of the flow table.
    FlowMemoryLimit = MemoryLimit("flows"),
    /// Budget of the queue.
    QueueMemoryLimit = MemoryLimit("queue"),
    /// Transactions waiting for a worker.
    QueueTransactions = Queue("transactions"),
    /// Windows waiting for the closer.
    QueueWindows = Queue("windows"),
    /// Flows in the table.
    FlowsOpen = Flows("open"),
}

/// The levels, shared between the threads that set them and the operator channel that shows them.
#[derive(Clone, Debug)]
pub struct Gauges(Arc<[AtomicU64]>);

impl Default for Gauges {
    fn default() -> Self {
        Self(Gauge::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Gauges {
    /// Sets a level.
    pub fn set(&self, gauge: Gauge, level: u64) {
        if let Some(cell) = self.0.get(gauge as usize) {
            cell.store(level, Ordering::Relaxed);
        }
    }

    /// The level.
    pub fn get(&self, gauge: Gauge) -> u64 {
        self.0
            .get(gauge as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}
