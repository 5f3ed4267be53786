# Varnish for the variant `edge:varnish`: what it keeps, for how long, for whom. The same rules as nginx has in
# the stage `edge`. After a change: sudo varnishd -C -f FILE >/dev/null && sudo systemctl restart varnish
vcl 4.1;

import std;

# The whole stage `static`: nginx and gunicorn. It compresses: Varnish asks for gzip, keeps that, and unpacks
# it for the few clients that do not accept it. No probe: it would request a page every few seconds, and be measured too.
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

# A request has come in.
sub vcl_recv {
    # One page, for one Host: curl -X PURGE -H 'Host: NAME:8016' http://127.0.0.1:8016/talks/1/
    # All whose address matches a pattern:  curl -X BAN http://127.0.0.1:8016/talks/
    if (req.method == "PURGE" || req.method == "BAN") {
        if (client.ip !~ here) {
            return (synth(403, "Only from the machine itself"));
        }
        if (req.method == "PURGE") {
            return (purge);
        }
        # Varnish records the ban, and drops each page that matches when it next comes to it: that is
        # instant, however many there are.
        ban("obj.http.X-Url ~ ^" + req.url);
        return (synth(200, "Banned"));
    }

    # Varnish adds the visitor to X-Forwarded-For by itself. It does not set this one.
    set req.http.X-Forwarded-Proto = "http";

    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    # Visitors who are logged in get pages of their own. Other cookies, like the form's token, change no page that the
    # application calls public. Varnish's own rule (it comes after this one) bypasses the cache for any cookie:
    # safe, but with one cookie for statistics nothing is ever kept.
    if (req.http.Authorization || req.http.Cookie ~ "(^|;\s*)sessionid=") {
        return (pass);
    }
    return (hash);
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
    if (beresp.http.Cache-Control !~ "(s-maxage|max-age)=") {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
        return (deliver);
    }
    # When a page has expired, visitors get the old one for this long, at once, while a new one is made.
    set beresp.grace = 1m;
    # No return here: Varnish's own rule comes next. It keeps nothing that says no-store or private, or sets a cookie.
}

# An answer goes out.
sub vcl_deliver {
    # HIT, MISS, or STALE for an old one while a new one is made. For pages; a public site would not show this.
    if (req.url !~ "^/static/") {
        if (obj.hits == 0) {
            set resp.http.X-Cache = "MISS";
        } else if (obj.ttl > 0s) {
            set resp.http.X-Cache = "HIT";
        } else {
            set resp.http.X-Cache = "STALE";
        }
    }
    # Who sent it. Of the cache's own headers, only Age is sent: browsers count it into max-age.
    set resp.http.Server = "Varnish";
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    unset resp.http.X-Url;
}
