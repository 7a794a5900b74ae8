//! A BGP-4 speaker with replicated state, and the lab that cuts it under load.
