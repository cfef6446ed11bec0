use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allowed(entries: &[&str]) -> Allowed {
    Allowed::parse(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn public_addresses_are_not_special() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ] {
        assert_eq!(special(address(text)), None, "{text}");
    }
}

#[test]
fn every_other_address_says_what_it_is() {
    let cases = [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.100.100.200", "private"),
        ("169.254.169.254", "link-local"),
        ("168.63.129.16", "metadata"),
        ("192.0.0.192", "reserved"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("198.19.0.1", "benchmarks"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("2001::1", "reserved"),
        ("fec0::1", "reserved"),
        ("::7f00:1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
        ("4000::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::10.0.0.1", "private"),
        ("2002:7f00:1::1", "loopback"),
        ("2002:a9fe:a9fe::1", "link-local"),
    ];
    for (text, kind) in cases {
        let found = special(address(text)).unwrap_or("a public address");
        assert!(found.contains(kind), "{text} is {found}, not {kind}");
    }
}

#[test]
fn every_address_of_a_name_must_be_right() {
    let none = Allowed::default();
    assert_eq!(check("x.org", &[address("1.1.1.1"), address("2606:4700::1")], &none), Ok(()));
    let message = "x.org leads to 10.0.0.1, a private address; results are sent to public addresses and to \
                   operations.webhook_allow";
    assert_eq!(check("x.org", &[address("1.1.1.1"), address("10.0.0.1")], &none), Err(message.to_owned()));
    assert_eq!(check("x.org", &[], &none), Err("x.org has no address".to_owned()));
}

#[test]
fn what_is_allowed_is_a_host_an_address_or_a_network() {
    let cases = [
        (&["10.1.0.0/16"][..], "x", "10.1.255.1", true),
        (&["10.1.0.0/16"], "x", "10.2.0.1", false),
        (&["10.1.0.0/16"], "x", "::ffff:10.1.0.1", true),
        (&["127.0.0.1"], "x", "127.0.0.1", true),
        (&["127.0.0.1"], "x", "127.0.0.2", false),
        (&["fd00::/8"], "x", "fd12::1", true),
        (&["0.0.0.0/0"], "x", "127.0.0.1", true),
        (&["0.0.0.0/0"], "x", "::1", false),
        (&["receiver.internal"], "Receiver.Internal", "10.2.0.1", true),
        (&["receiver.internal"], "other.internal", "10.2.0.1", false),
    ];
    for (entries, host, text, expected) in cases {
        assert_eq!(check(host, &[address(text)], &allowed(entries)).is_ok(), expected, "{entries:?} {host} {text}");
    }
    for wrong in ["10.0.0.0/33", "10.0.0.0/", "fd00::/129", "host/8", "", "a b", "http://x"] {
        assert!(Allowed::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
    }
}

#[test]
fn urls_are_read_or_refused() {
    let target = |https, host: &str, port, path: &str, authority: &str| Target {
        https,
        host: host.into(),
        port,
        path: path.into(),
        authority: authority.into(),
    };
    let cases = [
        ("https://x.org", target(true, "x.org", 443, "/", "x.org")),
        ("http://x.org:8080/a/b?c=d", target(false, "x.org", 8080, "/a/b?c=d", "x.org:8080")),
        ("http://[::1]:9/a", target(false, "::1", 9, "/a", "[::1]:9")),
    ];
    for (url, expected) in cases {
        assert_eq!(parse(url), Ok(expected), "{url}");
    }
    let long = format!("http://x.org/{}", "a".repeat(2048));
    let wrong = [
        "",
        "x.org",
        "/a",
        "ftp://x.org",
        "file:///etc/passwd",
        "http://u:p@x.org/",
        "http://x.org:0/",
        "http://",
        &long,
    ];
    for url in wrong {
        assert!(parse(url).is_err(), "{url}");
    }
}
