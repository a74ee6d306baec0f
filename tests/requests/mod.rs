//! Observations for tests that release.

use hushtap::observation::{Observation, PrincipalKey, Proof, PublicCell, Status};

/// A request of a principal.
pub(crate) fn request(principal: u32) -> Observation {
    Observation {
        token: Some(PrincipalKey(principal.into())),
        proof: Proof::Accepted,
        status: Status(200),
        cell: PublicCell(1),
        ..Observation::blank()
    }
}
