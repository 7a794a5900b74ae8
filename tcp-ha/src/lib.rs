//! User-space TCP whose connections outlive the machine they run on.
