//! REST API and metrics endpoint of the loop, as a mountable router.
