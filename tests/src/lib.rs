//! Stories through the real parts.
