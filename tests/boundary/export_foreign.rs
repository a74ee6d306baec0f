//! Only the release room says what may be exported.
use hushtap::observation::Observation;
use hushtap::release::releaser::Exportable;
use hushtap::release::render::Format;

struct Mine(Observation);

impl Exportable for Mine {
    fn render(&self, _format: Format) -> Vec<u8> {
        Vec::new()
    }
}

fn main() {}
