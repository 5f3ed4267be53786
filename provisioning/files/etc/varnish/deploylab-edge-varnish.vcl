# Varnish for the variant `edge:varnish`: what it keeps, for how long, for whom. The same rules as nginx has in
# the stage `edge`. After a change: sudo varnishd -C -f FILE >/dev/null && sudo systemctl restart varnish
# Varnish's own rules come after ours, wherever ours do not end in `return`: `varnishd -x builtin` prints them.
vcl 4.1;

import std;

# The whole stage `static`: nginx and gunicorn. It compresses: Varnish asks for gzip, keeps that, and unpacks
# it for the few clients that do not accept it. No probe: it would request a page every few seconds, and be measured
# too.
backend stage {
    .host = "127.0.0.1";
    .port = "8004";
    .connect_timeout = 1s;
    .first_byte_timeout = 36s;   # a second more than nginx gives gunicorn, whose log then has the reason
}

# Who may delete pages. Only this machine: behind another proxy on it, everybody would look like this machine.
acl here {
    "127.0.0.1";
    "::1";
}

# `sub other`: it passes everything but the pages that the application calls public, and static files. Made on this
# machine, from what `deploylab-manage static cacheable` prints.
include "/etc/varnish/deploylab-edge-varnish-pages.vcl";

# A request has come in.
sub vcl_recv {
    # Varnish's rule for hosts, before anything looks at it: small letters, and none without one. A dot at the end is no
    # other host. Or each way to write it would have its own copy of every page, and a PURGE would miss the others.
    call vcl_req_host;
    set req.http.Host = regsub(req.http.Host, "\.(:[0-9]+)?$", "\1");

    # One page, for one Host: curl -X PURGE -H 'Host: NAME:8016' http://127.0.0.1:8016/talks/1/
    # All whose address begins so, on every Host:  curl -X BAN http://127.0.0.1:8016/talks/
    if (req.method == "PURGE" || req.method == "BAN") {
        if (client.ip !~ here) {
            return (synth(403, "Only from the machine itself"));
        }
        if (req.method == "PURGE") {
            return (purge);
        }
        # Varnish records the ban, and drops each page that matches when it next comes to it: that is instant, however
        # many there are. A ban knows only patterns, and in an address `?` and `.` mean themselves: each such character
        # gets a backslash. std.ban says if it could not; `ban` alone would answer 200 all the same.
        if (std.ban("obj.http.X-Url ~ ^" + regsuball(req.url, "[^[:alnum:]/_-]", "\\\0"))) {
            return (synth(200, "Banned"));
        }
        return (synth(400, std.ban_error()));
    }

    # A number for this request, in the logs of Varnish, of nginx and of the application: the second, and Varnish's own
    # count. A visitor's own is replaced.
    set req.http.X-Request-ID = "" + std.integer(time = now) + "-" + req.xid;
    std.log("id:" + req.http.X-Request-ID);   # the log would have the visitor's

    # Varnish adds the visitor to X-Forwarded-For by itself. It does not set this one.
    set req.http.X-Forwarded-Proto = "http";

    # A part of a page is of no use to anybody: all of it is sent, as by nginx. Where Varnish does not keep the page, it
    # would answer 503 to a part that there cannot be, like bytes=9-1. A part of a file resumes a download.
    if (req.url !~ "^/static/" || req.http.Range !~ "^bytes=([0-9]+-[0-9]*|-[0-9]+)$") {
        unset req.http.Range;
    }

    # Methods that it does not know Varnish would connect straight through.
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    call other;
    # No return here: Varnish's own rules come next. They refuse what is no address and no host, and pass whoever sends
    # a password. The last of them is about cookies, and it is this one:
}

# Visitors who are logged in get pages of their own. Other cookies, like the form's token, change no page that the
# application calls public. Varnish's own rule bypasses the cache for any cookie: safe, but with one cookie for
# statistics nothing is ever kept. A browser may send its cookies in several lines.
sub vcl_req_cookie {
    std.collect(req.http.Cookie, "; ");
    if (req.http.Cookie ~ "(^|;\s*)sessionid=") {
        return (pass);
    }
    return;   # Varnish's own rule would come next
}

# An answer has come from the backend, and is kept or not.
sub vcl_backend_response {
    # Fetched in the background: an error does not replace a page that may still be shown.
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
    # For the bans: those that look only at the answer are processed in the background.
    set beresp.http.X-Url = bereq.url;

    # Only the application says how long; an answer that says nothing Varnish would keep for 2 minutes.
    # Instead it remembers for 2 minutes that the page is never kept. Without that, requests for it would wait
    # in a queue, each hoping to get the answer of the one before.
    if (beresp.http.Cache-Control !~ "(?i)(s-maxage|max-age)=") {
        call vcl_beresp_hitmiss;
    }
    # No `beresp.grace`: when a page has expired, visitors get the old one, at once, while a new one is made, for as
    # long as the application says: `stale-while-revalidate`. If it is down for longer, they see the error.
    # No return here: Varnish's own rule comes next. It keeps nothing that says no-store, no-cache or private, sets a
    # cookie, or has `Vary: *`.
}

# An answer goes out.
sub vcl_deliver {
    # HIT, MISS, BYPASS, or STALE for an old one while a new one is made. For pages; a public site would not show this.
    if (req.url !~ "^/static/") {
        if (obj.uncacheable) {
            set resp.http.X-Cache = "BYPASS";
        } else if (obj.hits == 0) {
            set resp.http.X-Cache = "MISS";
        } else if (obj.ttl > 0s) {
            set resp.http.X-Cache = "HIT";
        } else {
            set resp.http.X-Cache = "STALE";
        }
    }
    # For the log: how long the stage behind took to begin its answer, in microseconds. Kept pages ask nobody.
    if (obj.hits == 0) {
        std.log("behind_us:" + std.integer(real = std.real(duration = now - req.time) * 1000000.0));
    } else {
        std.log("behind_us:-");
    }

    # Who sent it. Of the cache's own headers, only Age is sent: browsers count it into max-age.
    set resp.http.Server = "Varnish";
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    unset resp.http.X-Url;
}

# An answer that Varnish itself makes.
sub vcl_synth {
    std.log("behind_us:-");
}
