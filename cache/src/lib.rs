//! The read cache: memory (moka) and Redis behind one policy.
//!
//! Not written yet. What will live here: a cache that is generic over key, value and loader, with single
//! flight, fresh and stale deadlines inside the value, invalidation that no older load can overtake, and
//! counters per tier. It knows nothing of places or of AWS; `api` plugs it in where pages are fetched.
