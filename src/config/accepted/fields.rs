//! The table of [`super::at`].

/// Every place of the document, as a JSON pointer with `*` for names and indexes, and what is
/// accepted there.
pub(super) const FIELDS: &[(&str, &str)] = &[
    (
        "",
        "an object with `upstreams`, and `consumers` or `consumers_from`, as JSON text or a \
         google.protobuf.Struct",
    ),
    ("/upstreams", "an object of at least one upstream by its name"),
    (
        "/upstreams/*",
        "an object with `authority` and `credential`, under a name of 1 to 128 visible ASCII \
         characters",
    ),
    ("/upstreams/*/api", "\"responses\" or \"images\""),
    ("/upstreams/*/cluster", "the name of an Envoy cluster, up to 300 visible ASCII characters"),
    ("/upstreams/*/authority", "a host, with or without a port, such as \"chatgpt.com\""),
    (
        "/upstreams/*/path",
        "an absolute path such as \"/backend-api/codex/responses\", up to 2048 visible ASCII \
         characters",
    ),
    (
        "/upstreams/*/host_model",
        "the name of a text model, 1 to 128 visible ASCII characters; instead of `host_models`",
    ),
    ("/upstreams/*/host_models", "an array of 1 to 16 names of text models, none twice"),
    ("/upstreams/*/host_models/*", "the name of a text model, 1 to 128 visible ASCII characters"),
    ("/upstreams/*/host_model_cooldown", "a duration with a unit such as \"10m\", from 1s to 24h"),
    ("/upstreams/*/max_rest", "a duration with a unit such as \"7d\", from 0s to 31d"),
    ("/upstreams/*/tool_choice", "\"force\" or \"auto\""),
    ("/upstreams/*/response_format", "\"omit\" or \"send\""),
    ("/upstreams/*/edits", "\"form\" or \"json\""),
    ("/upstreams/*/stream", "\"omit\" or \"send\""),
    ("/upstreams/*/safety_identifier", "\"omit\" or \"send\""),
    ("/upstreams/*/max_edit_images", "a whole number from 1 to 16"),
    (
        "/upstreams/*/max_request_bytes",
        "bytes as a whole number or with a unit such as \"64MB\", from 1 to 256MiB",
    ),
    ("/upstreams/*/image_urls", "\"any\" or \"data\""),
    ("/upstreams/*/max_partial_images", "a whole number from 0 to 3"),
    ("/upstreams/*/masks", "true or false"),
    ("/upstreams/*/charge_by", "\"asked\" or \"served\""),
    ("/upstreams/*/delivery", "\"auto\", \"pass\" or \"hold\""),
    (
        "/upstreams/*/credential",
        "{\"bearer_env\": …, \"account_id_env\": …} or {\"key_env\": …} with names of environment \
         variables, or \"envoy\"",
    ),
    (
        "/upstreams/*/credential/bearer_env",
        "the name of an environment variable: letters, digits and `_`",
    ),
    (
        "/upstreams/*/credential/account_id_env",
        "the name of an environment variable: letters, digits and `_`",
    ),
    (
        "/upstreams/*/credential/key_env",
        "the name of an environment variable: letters, digits and `_`; instead of `bearer_env`",
    ),
    (
        "/upstreams/*/credential/header",
        "the name of a header the filter does not set itself, beside `key_env`",
    ),
    ("/upstreams/*/headers", "an object of header values by their names"),
    (
        "/upstreams/*/headers/*",
        "a header the filter does not set itself, with a value of 1 to 4096 visible ASCII \
         characters and spaces",
    ),
    ("/upstreams/*/timeout", "a duration with a unit such as \"300s\", from 1ms to 24h"),
    ("/models", "an array of at least one entry; needed if there is more than one upstream"),
    ("/models/*", "an object with `match` and `upstream`"),
    (
        "/models/*/match",
        "a model name in which `*` stands for any characters, 1 to 128 visible ASCII characters",
    ),
    (
        "/models/*/upstream",
        "the name of an upstream, or an array of 1 to 16 in the order in which they are tried",
    ),
    (
        "/models/*/upstream/*",
        "the name of an upstream, or an object with `name` and `rename`; none twice",
    ),
    ("/models/*/upstream/*/name", "the name of an upstream"),
    (
        "/models/*/upstream/*/rename",
        "a model name, or one with a single `*` for what the only `*` of `match` stood for",
    ),
    (
        "/models/*/rename",
        "a model name, or one with a single `*` for what the only `*` of `match` stood for",
    ),
    ("/models/*/balance", "\"first\", \"round_robin\" or \"least_used\""),
    (
        "/models/*/weights",
        "an object of weights by the names of upstreams; beside `balance` \"round_robin\" or \
         \"least_used\"",
    ),
    (
        "/models/*/weights/*",
        "a whole number from 1 to 100, under the name of an upstream of the entry",
    ),
    (
        "/default_model",
        "a model name without `*` that an entry of `models` matches, 1 to 128 visible ASCII \
         characters",
    ),
    ("/default_response_format", "\"b64_json\" or \"url\""),
    ("/identity", "an object with either `header` or `property`"),
    ("/identity/header", "the name of a header other than those that carry a key"),
    ("/identity/property", "an array of 1 to 16 names, the path of a property of Envoy"),
    ("/identity/property/*", "1 to 128 visible ASCII characters"),
    ("/consumers", "an array of consumers; at least one, unless there is `consumers_from`"),
    ("/consumers/*", "an object with `name`, and `key_sha256` or `identities`"),
    ("/consumers/*/name", "a name that no other consumer has, 1 to 128 visible ASCII characters"),
    ("/consumers/*/key_sha256", "an array of at least one SHA-256 of a key"),
    ("/consumers/*/identities", "an array of at least one name, with `identity`"),
    (
        "/consumers/*/identities/*",
        "1 to 2048 visible ASCII characters, each name once in the document",
    ),
    (
        "/consumers/*/key_sha256/*",
        "the SHA-256 of a key as 64 hexadecimal digits, not of the empty key, each key once in the \
         document",
    ),
    ("/consumers/*/user", "the id of a user, 1 to 128 visible ASCII characters"),
    ("/consumers/*/any_user", "true or false"),
    ("/consumers/*/groups", GROUPS),
    ("/consumers/*/groups/*", GROUP),
    ("/consumers/*/role", "\"consumer\" or \"master\""),
    ("/consumers/*/models", "an array of at least one pattern; leave it out to allow every model"),
    (
        "/consumers/*/models/*",
        "a model name in which `*` stands for any characters, 1 to 128 visible ASCII characters",
    ),
    ("/consumers/*/sizes", "an array of at least one size; leave it out to allow every size"),
    ("/consumers/*/sizes/*", "\"auto\" or a size such as \"1024x1024\""),
    ("/consumers/*/expires_at", "a time of RFC 3339 in UTC such as \"2027-01-01T00:00:00Z\""),
    ("/consumers/*/disabled", "true or false"),
    ("/consumers_from", "an object with `cluster`, `authority` and `path`"),
    ("/consumers_from/cluster", "the name of an Envoy cluster, up to 300 visible ASCII characters"),
    ("/consumers_from/authority", "a host, with or without a port, such as \"keys.internal:8080\""),
    (
        "/consumers_from/path",
        "an absolute path such as \"/consumers.json\", up to 2048 visible ASCII characters",
    ),
    ("/consumers_from/interval", "a duration with a unit such as \"10s\", from 2s to 1h"),
    (
        "/consumers_from/timeout",
        "a duration with a unit such as \"5s\", from 100ms to 60s, at most half of `interval`",
    ),
    ("/users", "an array of users"),
    ("/users/*", "an object with `id`"),
    ("/users/*/id", "an id that no other user has, 1 to 256 characters without control characters"),
    ("/users/*/blocked", "true or false"),
    ("/users/*/groups", GROUPS),
    ("/users/*/groups/*", GROUP),
    ("/unknown_users", "\"reject\" or \"admit\""),
    ("/route_match", "\"filter_state\" or \"header\""),
    ("/request", "an object"),
    (
        "/request/max_body_bytes",
        "bytes as a whole number or with a unit such as \"32MiB\", from 1 to 64MiB",
    ),
    ("/request/max_prompt_chars", "a whole number from 1 to 1000000"),
    ("/request/max_n", "a whole number from 1 to 10"),
    ("/request/max_reference_images", "a whole number from 1 to 16"),
    ("/request/max_edit_images", "a whole number from 1 to 16"),
    (
        "/request/max_reference_image_bytes",
        "bytes as a whole number or with a unit such as \"20MiB\", from 1 to 50MiB",
    ),
    (
        "/max_image_bytes",
        "bytes as a whole number or with a unit such as \"24MiB\", from 1 to 64MiB",
    ),
    (
        "/max_buffered_bytes",
        "bytes as a whole number or with a unit such as \"512MiB\", from 1 to 512MiB",
    ),
    ("/max_open_exchanges", "a whole number from 1 to 100000"),
    ("/keepalive", "a duration with a unit such as \"15s\", from 1s to 5m"),
    ("/response_headers_to_keep", "an array of up to 32 names of headers"),
    (
        "/response_headers_to_keep/*",
        "the name of a response header, 1 to 128 characters, not one that frames a body or that the \
         filter sets",
    ),
    ("/loopback", "an object with `cluster`"),
    ("/loopback/cluster", "the name of an Envoy cluster, up to 300 visible ASCII characters"),
    ("/models_endpoint", "an object, with `names` or empty"),
    ("/models_endpoint/names", "an array of up to 1000 names"),
    (
        "/models_endpoint/names/*",
        "a model name without `*` that an entry of `models` matches, 1 to 128 visible ASCII characters",
    ),
    ("/prices", "an array of up to 1000 prices"),
    ("/prices/*", "an object with `model` and `usd`"),
    (
        "/prices/*/model",
        "a model name in which `*` stands for any characters, 1 to 128 visible ASCII characters",
    ),
    (
        "/prices/*/quality",
        "\"low\", \"medium\", \"high\", \"xhigh\" or \"max\"; leave it out for each",
    ),
    ("/prices/*/size", "a size such as \"1024x1024\"; leave it out for each"),
    ("/prices/*/usd", DOLLARS),
    (
        "/prices/*/usd_per_million_tokens",
        "an object with `text_input`, `image_input` and `image_output`",
    ),
    ("/prices/*/usd_per_million_tokens/text_input", DOLLARS),
    ("/prices/*/usd_per_million_tokens/image_input", DOLLARS),
    ("/prices/*/usd_per_million_tokens/image_output", DOLLARS),
    ("/prices/*/usd_per_million_tokens/text_output", DOLLARS),
    ("/prices/*/usd_per_million_tokens/cached_text_input", DOLLARS),
    ("/prices/*/usd_per_million_tokens/cached_image_input", DOLLARS),
    ("/prices/*/source", "text"),
    ("/prices_as_of", "a date such as \"2026-11-28\""),
    ("/unpriced", "\"reject\", \"free\", or \"max\" if there are `prices`"),
    ("/limits", "an array of up to 1000 rules"),
    ("/limits/*", "an object with `name`, `per`, `unit`, `max` and `window`"),
    (
        "/limits/*/name",
        "a name that no other rule has, 1 to 64 letters, digits, `_` and `-` of ASCII",
    ),
    ("/limits/*/per", "\"key\", \"user\", \"model\", \"group\" or \"global\""),
    ("/limits/*/unit", "\"requests\", \"images\", \"megapixels\", \"concurrent\" or \"usd\""),
    (
        "/limits/*/max",
        "a whole number from 1 to 1000000000000; for megapixels also a decimal string such as \
         \"2.5\", with up to 6 digits after the point; for usd only a decimal string such as \
         \"25.00\", up to \"1000000000\" and with up to 9 digits after the point",
    ),
    (
        "/limits/*/window",
        "\"day\", \"week\", \"month\", or a duration with a unit such as \"1m\", from 1s to 31d; \
         none for concurrent",
    ),
    ("/limits/*/models", "an array of at least one pattern; leave it out for every model"),
    (
        "/limits/*/models/*",
        "a model name in which `*` stands for any characters, 1 to 128 visible ASCII characters",
    ),
    ("/limits/*/consumers", "an array of at least one name; leave it out for every consumer"),
    ("/limits/*/consumers/*", "the `name` of a consumer, or any name with `consumers_from`"),
    ("/limits/*/users", "an array of at least one id; leave it out for every user"),
    (
        "/limits/*/users/*",
        "the id of a user who is listed or belongs to a consumer; any id if `unknown_users` is \
         \"admit\", if a consumer has `any_user`, or if there is `consumers_from`",
    ),
    (
        "/limits/*/groups",
        "an array of at least one name; leave it out for every caller, or for every group `per` \
         group",
    ),
    (
        "/limits/*/groups/*",
        "the name of a group of a consumer or a user, or any name with `consumers_from`",
    ),
    ("/limits/*/on_error", "\"deny\" or \"allow\""),
    ("/limits/*/shadow", "true or false"),
    ("/engine", "an object with `kind`"),
    ("/engine/kind", "\"local\" or \"rls\""),
    ("/engine/cluster", "the name of an Envoy cluster, up to 125 visible ASCII characters"),
    ("/engine/domain", "1 to 128 visible ASCII characters"),
    ("/engine/timeout", "a duration with a unit such as \"50ms\", from 1ms to 10s"),
    ("/engine/on_error", "\"deny\" or \"allow\""),
    ("/engine/releases", "\"never\" or \"negative_hits\""),
    ("/on_abandon", "\"release\" or \"charge\""),
    ("/accept_last_partial", "true or false"),
];

/// The groups of a consumer or a user.
const GROUPS: &str = "an array of 1 to 16 names; leave it out for no group";
/// One of them.
const GROUP: &str = "1 to 128 visible ASCII characters, each group once in the list";

/// Money of the price table.
const DOLLARS: &str = "a decimal string of dollars such as \"0.211\", from \"0\" to \"1000000\", \
                       with up to 9 digits after the point";
