//! Work under way.
#![no_std]
