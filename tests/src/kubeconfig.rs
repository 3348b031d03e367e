//! Kubeconfig texts with everything inline: they work from any place and are what tenants hand over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::authority::Identity;

/// Writes the kubeconfig of a user who has a bearer token. `certificate` is the PEM of the server's authority.
pub fn with_token(server: &str, certificate: &str, token: &str) -> String {
    write(server, certificate, &format!("    token: {token}\n"))
}

/// Writes the kubeconfig of a user who has a client certificate. `certificate` is the PEM of the server's authority.
pub fn with_certificate(server: &str, certificate: &str, user: &Identity) -> String {
    let user = format!(
        "    client-certificate-data: {}\n    client-key-data: {}\n",
        BASE64.encode(&user.certificate),
        BASE64.encode(&user.key)
    );
    write(server, certificate, &user)
}

/// Writes a kubeconfig that says nothing about the user. `certificate` is the PEM of the server's authority.
pub fn anonymous(server: &str, certificate: &str) -> String {
    write(server, certificate, "    {}\n")
}

fn write(server: &str, certificate: &str, user: &str) -> String {
    let certificate = BASE64.encode(certificate);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\n\
         contexts:\n- name: main\n  context:\n    cluster: main\n    user: main\n\
         clusters:\n- name: main\n  cluster:\n    server: {server}\n    certificate-authority-data: {certificate}\n\
         users:\n- name: main\n  user:\n{user}"
    )
}
