//! TS005-2.0.0.

super::edition::edition!(2);
