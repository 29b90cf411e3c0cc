//! Deployment in several regions from templates alone.
//!
//! Not written yet. What will live here: SAM templates, the CloudFront function with its tests, the local
//! edge, checks of all of them, and the deployment command.
