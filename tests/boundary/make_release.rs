//! A release comes out of the releaser, which charges the budget, and from nowhere else.
use hushtap::release::releaser::Release;

fn main() {
    let _ = Release {
        stale: false,
        ..todo!()
    };
}
