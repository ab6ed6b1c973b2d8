//! TS005-1.0.0.

super::edition::edition!(1);
