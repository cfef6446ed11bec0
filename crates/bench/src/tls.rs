//! TLS to a server under load: whom to trust, and whom to claim to be.

use std::sync::Arc;

use serde::Deserialize;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use crate::problem::Problem;

/// TLS settings; texts are PEM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates that the server's must descend from.
    pub authorities: String,
    /// Certificate chain of the client; empty for none.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// Whether any certificate of the server will do: the connection is encrypted to whoever answers.
    pub insecure: bool,
}

impl Tls {
    /// What connects with these settings and asks for `protocol` by ALPN.
    ///
    /// Raises: Problem - a text holds nothing usable; says which.
    pub(crate) fn connector(&self, protocol: &[u8]) -> Result<TlsConnector, Problem> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Problem(format!("TLS: {error}")))?;
        let builder = match self.insecure {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
            false => builder.with_root_certificates(self.roots()?),
        };
        let mut config = match self.certificate.is_empty() {
            true => builder.with_no_client_auth(),
            false => builder
                .with_client_auth_cert(certificates(&self.certificate, "the client's certificate")?, self.key()?)
                .map_err(|error| Problem(format!("the client's certificate and key do not go together: {error}")))?,
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore, Problem> {
        let mut roots = RootCertStore::empty();
        // One that is damaged or of an unknown kind does not spoil a system's whole collection.
        let (added, _) = roots.add_parsable_certificates(certificates(&self.authorities, "the authorities")?);
        match added {
            0 => Err(Problem("the authorities hold no certificate that can be trusted".into())),
            _ => Ok(roots),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, Problem> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|error| Problem(format!("the client's key is no private key in PEM form: {error}")))
    }
}

/// The name that a server's certificate must be for.
///
/// Raises: Problem - `host` can stand in no certificate.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, Problem> {
    ServerName::try_from(host.to_owned())
        .map_err(|error| Problem(format!("{host:?} is no name that a certificate can be for: {error}")))
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Problem(format!("{what}: no CERTIFICATE block in the PEM text"))),
        Err(error) => Err(Problem(format!("{what}: {error}"))),
    }
}

/// Takes any certificate, but only from whoever holds its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_or_key_is_named() {
        let none = Tls { authorities: String::new(), certificate: String::new(), key: String::new(), insecure: false };
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let trusting = Tls { authorities: signed.cert.pem(), ..none.clone() };
        assert!(trusting.connector(b"h2").is_ok());
        assert!(Tls { insecure: true, ..none.clone() }.connector(b"h2").is_ok());
        let own = Tls { certificate: signed.cert.pem(), key: signed.signing_key.serialize_pem(), ..trusting.clone() };
        assert!(own.connector(b"h2").is_ok());
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for (bad, part) in [
            (none, "the authorities: no CERTIFICATE"),
            (Tls { certificate: "no".into(), ..trusting }, "the client's certificate: no CERTIFICATE"),
            (Tls { key: "no".into(), ..own.clone() }, "the client's key is no private key"),
            (Tls { key: other, ..own }, "do not go together"),
        ] {
            let problem = bad.connector(b"h2").err().unwrap();
            assert!(problem.0.contains(part), "{problem}");
        }
        assert!(server_name("a b").unwrap_err().0.contains("\"a b\""));
    }
}
