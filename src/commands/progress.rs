//! The progress bar of a replay: bytes, rate and time left, on the terminal of standard error alone.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Bytes read so far, and in all if that is known.
type Reading = Box<dyn Fn() -> (u64, Option<u64>) + Send + Sync>;

/// Where the pipeline says how far reading has come. Cheap to clone; the bar asks, so reading pays nothing for it.
#[derive(Clone, Default)]
pub struct Progress(Arc<OnceLock<Reading>>);

impl Progress {
    /// Tells the bar whom to ask: bytes read so far, and in all if that is known. The first call counts.
    pub fn attach(&self, reading: impl Fn() -> (u64, Option<u64>) + Send + Sync + 'static) {
        self.0.get_or_init(|| Box::new(reading));
    }

    fn read(&self) -> Option<(u64, Option<u64>)> {
        self.0.get().map(|reading| reading())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// A bar being drawn. Gone when dropped.
pub(super) struct Bar {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Time between two drawings.
const PAUSE: Duration = Duration::from_millis(100);

impl Bar {
    /// Draws until dropped; not at all where standard error is no terminal or the bar is not wanted.
    pub(super) fn start(progress: &Progress, wanted: bool) -> Self {
        let mut bar = Self {
            stop: None,
            thread: None,
        };
        if wanted && std::io::stderr().is_terminal() {
            let (stop, stopped) = mpsc::channel();
            let progress = progress.clone();
            let drawing = thread::Builder::new()
                .name("ht-progress".to_owned())
                .spawn(move || draw(&progress, &stopped));
            // Without a thread for it there is no bar; the replay goes on.
            bar.thread = drawing.ok();
            bar.stop = Some(stop);
        }
        bar
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::debug!("the progress bar failed");
        }
    }
}

fn draw(progress: &Progress, stopped: &mpsc::Receiver<()>) {
    let bar = ProgressBar::no_length();
    let known = "{wide_bar} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
    let style = |template| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    bar.set_style(style("{spinner} {bytes}  {bytes_per_sec}"));
    while stopped.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
        let Some((read, total)) = progress.read() else {
            continue;
        };
        if let (Some(total), None) = (total, bar.length()) {
            bar.set_length(total);
            bar.set_style(style(known));
        }
        bar.set_position(read);
    }
    bar.finish_and_clear();
}
