//! What has not been released cannot be published.
use hushtap::observation::Observation;
use hushtap::release::exporter::Exposition;

fn publish(observation: &Observation) {
    let _ = Exposition::of(observation);
}

fn main() {}
