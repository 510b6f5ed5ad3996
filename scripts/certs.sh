#!/usr/bin/env bash
# A small certificate authority for tests and small sites, made with the openssl command (3.0).
#
#   scripts/certs.sh DIR server NAME…   a certificate for a server of these DNS names or addresses
#   scripts/certs.sh DIR client NAME    a certificate that identifies a client as NAME
#   scripts/certs.sh DIR pin NAME       prints the pin of NAME's key
#
# Writes DIR/NAME.crt and DIR/NAME.key (of the first NAME), and before the first of them DIR/ca.crt
# and DIR/ca.key. Nothing is overwritten. A key that is there is used again: to renew a certificate
# move its .crt away; key and pin stay. Keys are P-256 and readable by their owner only; the CA is
# valid for 10 years, what it signs for 825 days.
set -euo pipefail

ca_days=3650
leaf_days=825 # the longest that Apple's platforms accept, private CAs included

fail() {
    echo "certs.sh: $1" >&2
    exit 1
}

# Prints the comment at the top of this script.
usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

# check_name NAME: it becomes a file name, and the common name, which holds 64 characters.
check_name() {
    [[ $1 =~ ^[A-Za-z0-9:][A-Za-z0-9.:_-]{0,63}$ && $1 != ca ]] ||
        fail "'$1' is no name: a DNS name or an address of at most 64 characters, and not 'ca'"
}

# issue FILE NAME DAYS EXTENSIONS [OPTION…]: FILE.crt and, unless it is there, FILE.key; self-signed
# unless the options name a CA. Nothing is taken from the system's openssl.cnf.
issue() {
    local file=$1 name=$2 days=$3 extensions=$4 key=$1.key
    shift 4
    if [[ ! -e $key ]]; then
        key=$work/key
        (umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key")
    fi
    openssl req -x509 -new -sha256 -key "$key" -days "$days" -subj "/CN=$name" "$@" \
        -out "$work/crt" -config <(printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' \
            '[extensions]' "$extensions") -extensions extensions
    chmod 644 "$work/crt"
    # ln fails if somebody else has made the file meanwhile.
    [[ $key == "$file.key" ]] || ln "$key" "$file.key"
    ln "$work/crt" "$file.crt"
    rm -f "$work"/*
}

need_ca() {
    if [[ -e $dir/ca.crt ]]; then
        [[ -e $dir/ca.key ]] || fail "there is $dir/ca.crt, but not its key $dir/ca.key"
        return
    fi
    # No authority below this one; the date tells an old CA from its successor.
    issue "$dir/ca" "inout CA of $(date -u +%F)" "$ca_days" \
        'basicConstraints = critical, CA:TRUE, pathlen:0
         keyUsage = critical, keyCertSign, cRLSign
         subjectKeyIdentifier = hash'
    echo "$dir/ca.key signs certificates: it stays where it is. $dir/ca.crt goes to every machine."
}

# leaf serverAuth|clientAuth SUBJECT_ALT_NAMES: the certificate of $name.
leaf() {
    local file=$dir/$name
    [[ ! -e $file.crt ]] || fail "$file.crt is there already; to renew it move it away"
    need_ca
    openssl x509 -in "$dir/ca.crt" -noout -checkend $((leaf_days * 86400)) >/dev/null ||
        fail "$dir/ca.crt ends in less than $leaf_days days: start a new CA in another folder"
    issue "$file" "$name" "$leaf_days" \
        "basicConstraints = critical, CA:FALSE
         keyUsage = critical, digitalSignature
         extendedKeyUsage = $1
         subjectAltName = $2
         subjectKeyIdentifier = hash
         authorityKeyIdentifier = keyid" -CA "$dir/ca.crt" -CAkey "$dir/ca.key"
    echo "$file.crt, $file.key: until $(openssl x509 -in "$file.crt" -noout -enddate | cut -d= -f2)"
}

# The hash of the public key (RFC 7469, 2.4).
pin() {
    [[ -e $dir/$1.crt ]] || fail "there is no $dir/$1.crt"
    printf 'sha256/%s\n' "$(openssl x509 -in "$dir/$1.crt" -noout -pubkey |
        openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64 -A)"
}

server() {
    local each names=()
    for each; do
        check_name "$each"
        if [[ $each == *:* || $each =~ ^[0-9]+(\.[0-9]+){3}$ ]]; then
            names+=("IP:$each")
        else
            names+=("DNS:$each")
        fi
    done
    leaf serverAuth "$(IFS=,; echo "${names[*]}")"
    cat <<END
  proxy:   "tls": {"cert": "$name.crt", "key": "$name.key"}
  in, out: "tls": {"ca": "ca.crt"}
  or, where there is no ca.crt:
           "tls": {"pin": "$(pin "$name")"}
END
}

client() {
    [[ $1 != *:* ]] || fail "'$1' is an address; a client is known by a name"
    leaf clientAuth "DNS:$1"
    cat <<END
  in, out: "cert": "$name.crt", "key": "$name.key" beside "ca" in "tls"
  proxy:   "client_ca": "ca.crt" in "tls", and in "auth" what it may do:
           "certs": [{"name": "$name", "in": ["a topic"], "out": ["a topic"]}]
END
}

case ${1-} in -h | --help) usage; exit ;; esac
case ${2-} in
    server | client | pin) ;;
    *) [[ $# -lt 2 ]] || echo "certs.sh: '$2' is none of server, client and pin" >&2; usage >&2; exit 2 ;;
esac
[[ $# -ge 3 && ($2 == server || $# == 3) ]] || { usage >&2; exit 2; }
command -v openssl >/dev/null || fail "the openssl command is missing: apt-get install openssl"
dir=$1 what=$2 name=$3
shift 2
check_name "$name"
case $what in
    pin) pin "$name"; exit ;;
    server | client) ;;
esac
mkdir -p "$dir"
work=$(mktemp -d "$dir/.new.XXXXXX") # on the same file system, for ln
trap 'rm -rf "$work"' EXIT
"$what" "$@"
