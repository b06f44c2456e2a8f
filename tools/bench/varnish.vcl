# The second peer in `make bench`: Varnish answering hits out of memory, with the same fields on the answer.
#
# It does less than our edge and nginx do: plain VCL has neither MD5 nor HMAC, so no token is verified (only the place
# where it stands is cut off, by a regular expression), no country is looked up, and nothing is logged (varnishlog and
# varnishncsa are processes of their own). tools/bench/peers.py fills in what stands between at signs.
vcl 4.1;

backend origin {
    .host = "127.0.0.1";
    .port = "@ORIGIN@";
}

sub vcl_recv {
    if (req.url !~ "^/t/[^/]+/cdn/") {
        return (synth(401));
    }
    set req.url = regsub(req.url, "^/t/[^/]+", "");
    unset req.http.Cookie;
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.Cache-Status = "varnish; hit";
    } else {
        set resp.http.Cache-Status = "varnish; fwd=miss";
    }
    set resp.http.Access-Control-Allow-Origin = "*";
}
