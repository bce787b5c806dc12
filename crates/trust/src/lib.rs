//! What a device may believe of a signed repository on a static host.
