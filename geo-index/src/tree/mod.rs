//! The page tree.
