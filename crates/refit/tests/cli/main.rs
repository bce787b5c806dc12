//! The command line as people and scripts meet it: the real binary, real tarballs, loopback only.

mod bundle;
mod publish;
mod serve;
mod support;
mod unpack;
mod words;
