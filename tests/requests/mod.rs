//! Observations for tests that release.

use hushtap::clock::EventTime;
use hushtap::observation::{
    AgentClass, Country, EndpointId, FlowId, Method, Notes, Observation, PrincipalKey, Proof,
    Protocol, PublicCell, ServiceId, Status, TextId, TxState,
};

/// A request of a principal.
pub(crate) fn request(principal: u32) -> Observation {
    Observation {
        start: EventTime::ZERO,
        end: EventTime::ZERO,
        flow: FlowId(0),
        index: 0,
        protocol: Protocol::Http11,
        method: Method::Get,
        status: Status(200),
        state: TxState::Complete,
        notes: Notes::default(),
        encrypted: false,
        token: Some(PrincipalKey(principal.into())),
        token_kind: None,
        proof: Proof::Accepted,
        client: PrincipalKey(0),
        country: Country::UNKNOWN,
        service: ServiceId(0),
        endpoint: EndpointId(0),
        documented: false,
        object: None,
        candidate: None,
        cell: PublicCell(1),
        host: TextId::NONE,
        agent: TextId::NONE,
        agent_class: AgentClass::Unknown,
        release: TextId::NONE,
        operation: TextId::NONE,
        integration: None,
        request_bytes: 0,
        response_bytes: 0,
        response_decoded: None,
        duration_us: None,
        ttfb_us: None,
        grpc_status: None,
        request_messages: None,
        response_messages: None,
    }
}
