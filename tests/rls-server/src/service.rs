//! `RateLimitService/ShouldRateLimit` over gRPC: the code that tonic would generate, written by
//! hand, since that needs no compiler for `.proto` files.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::body::Body;
use tonic::codegen::{BoxFuture, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::engine::Engine;
use crate::wire::{RateLimitRequest, RateLimitResponse};

/// The service over an engine.
#[derive(Clone)]
pub struct RateLimitService {
    pub engine: Arc<Engine>,
    /// How long an answer takes after its request is counted.
    pub delay: Duration,
}

impl NamedService for RateLimitService {
    const NAME: &'static str = "envoy.service.ratelimit.v3.RateLimitService";
}

struct ShouldRateLimit(RateLimitService);

impl UnaryService<RateLimitRequest> for ShouldRateLimit {
    type Response = RateLimitResponse;
    type Future = BoxFuture<Response<RateLimitResponse>, Status>;

    fn call(&mut self, request: Request<RateLimitRequest>) -> Self::Future {
        let RateLimitService { engine, delay } = self.0.clone();
        Box::pin(async move {
            let request = request.into_inner();
            if request.descriptors.iter().any(|it| it.is_negative_hits) {
                return Err(Status::unimplemented("Limitador cannot refund"));
            }
            let answer = tokio::task::block_in_place(|| {
                let answer = engine.check(&request);
                answer.map(Response::new).map_err(|error| Status::unavailable(error.to_string()))
            });
            // Even no sleep at all waits for the next millisecond.
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            answer
        })
    }
}

impl tonic::codegen::Service<http::Request<Body>> for RateLimitService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = ShouldRateLimit(self.clone());
        Box::pin(async move {
            let known = request.uri().path().ends_with("/ShouldRateLimit");
            if !known {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let codec = ProstCodec::<RateLimitResponse, RateLimitRequest>::default();
            Ok(Grpc::new(codec).unary(method, request).await)
        })
    }
}
