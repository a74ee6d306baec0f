//! The operator channel: alerts, pseudonyms and sensor health, restricted and outside the privacy claim.
