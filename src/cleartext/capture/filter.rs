//! BPF filters on files. The language is libpcap's; without the feature `live` there is none.

use super::{LinkType, OpenFault};

/// A filter expression, compiled for each link type that turns up.
#[derive(Default)]
pub(super) struct Filter {
    #[cfg(feature = "live")]
    expression: Option<String>,
    #[cfg(feature = "live")]
    programs: Vec<(LinkType, pcap::BpfProgram)>,
}

#[cfg(feature = "live")]
impl Filter {
    /// A filter by expression; none lets everything pass.
    #[allow(
        clippy::unnecessary_wraps,
        reason = "without libpcap it fails, and the signature is one"
    )]
    pub(super) fn new(expression: Option<&str>) -> Result<Self, OpenFault> {
        Ok(Self {
            expression: expression.map(str::to_owned),
            programs: Vec::new(),
        })
    }

    /// Compiles for a link type, so that a bad expression is told before any packet is read.
    pub(super) fn prepare(&mut self, link: LinkType) -> Result<(), OpenFault> {
        let Some(expression) = &self.expression else {
            return Ok(());
        };
        if self.programs.iter().any(|(known, _)| *known == link) {
            return Ok(());
        }
        let program = pcap::Capture::dead(pcap::Linktype(i32::from(dlt(link))))
            .and_then(|capture| capture.compile(expression, true))
            .map_err(|_| OpenFault::BadFilter)?;
        self.programs.push((link, program));
        Ok(())
    }

    /// Whether the packet passes. A link type for which the expression does not compile passes nothing.
    pub(super) fn passes(&mut self, link: LinkType, bytes: &[u8]) -> bool {
        if self.expression.is_none() {
            return true;
        }
        if self.prepare(link).is_err() {
            return false;
        }
        let program = self.programs.iter().find(|(known, _)| *known == link);
        program.is_some_and(|(_, program)| program.filter(bytes))
    }
}

/// libpcap compiles for DLT numbers, which differ from the file's link types for raw IP (`LINKTYPE_RAW` is 101, `DLT_RAW` 12).
#[cfg(feature = "live")]
const fn dlt(link: LinkType) -> u16 {
    match link.0 {
        101 => 12,
        other => other,
    }
}

#[cfg(not(feature = "live"))]
impl Filter {
    pub(super) fn new(expression: Option<&str>) -> Result<Self, OpenFault> {
        match expression {
            None => Ok(Self::default()),
            Some(_) => Err(OpenFault::FilterUnavailable),
        }
    }

    #[allow(clippy::unused_self, reason = "the signature with libpcap needs it")]
    pub(super) fn prepare(&mut self, _link: LinkType) -> Result<(), OpenFault> {
        Ok(())
    }

    #[allow(clippy::unused_self, reason = "the signature with libpcap needs it")]
    pub(super) fn passes(&mut self, _link: LinkType, _bytes: &[u8]) -> bool {
        true
    }
}
