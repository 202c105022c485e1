//! The host call that answers a client, with the details that the SDK leaves out.
//!
//! `proxy_wasm::hostcalls::send_http_response` passes no response code details, and it panics on
//! a status that it does not expect. So this file declares the host's function itself.

use std::fmt;

/// The host did not take a reply; its status (`proxy_status_t` of the ABI).
#[derive(Debug)]
pub(super) struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host status {}", self.0)
    }
}

/// The gRPC status that stands for none: Envoy then derives one from the HTTP status where it
/// needs one.
const NO_GRPC_STATUS: i32 = -1;

#[expect(unsafe_code, reason = "an import of the host; the SDK's own passes no details")]
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// `proxy_send_local_response` (proxy-wasm ABI 0.2.1). Sizes are in bytes; the host copies what
    /// it keeps before it returns.
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
}

/// Sends a reply. `details` become Envoy's `%RESPONSE_CODE_DETAILS%`, spaces as underscores.
///
/// # Errors
///
/// The host's status, if it does not take the reply.
pub(super) fn send(
    status: u16,
    details: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(), Refused> {
    let headers = serialize(headers);
    // SAFETY: each pointer and its length are of one slice that lives until the call returns, and
    // the host only reads them.
    #[expect(unsafe_code, reason = "a call of the host")]
    let taken = unsafe {
        proxy_send_local_response(
            status.into(),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    if taken == 0 { Ok(()) } else { Err(Refused(taken)) }
}

/// Pairs as the ABI writes them: their number, the two lengths of each pair, then names and values,
/// a NUL after each. Numbers are 32-bit little-endian.
fn serialize(pairs: &[(&str, &str)]) -> Vec<u8> {
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend_from_slice(&number(name.len()));
        bytes.extend_from_slice(&number(value.len()));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::serialize;

    #[test]
    fn pairs_are_written_as_the_abi_says() {
        assert_eq!(serialize(&[]), [0, 0, 0, 0]);
        let expected = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0a\0bc\0def\0\0";
        assert_eq!(serialize(&[("a", "bc"), ("def", "")]), expected);
    }
}
