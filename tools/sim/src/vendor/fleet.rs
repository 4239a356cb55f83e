//! All nine vendors at once, with an app that each of them knows.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
use serde_json::{Value, json};

use super::{
    ApnsCounter, ApnsSettings, Counter, Deed, FcmCounter, FcmSettings, HarmonyAccount,
    HarmonyCounter, HonorAccount, HonorCounter, HuaweiAccount, HuaweiCallback, HuaweiCounter,
    HuaweiServiceAccount, MeizuApp, MeizuCounter, OppoCounter, Service, ServiceSettings, Step,
    VivoCounter, XiaomiApp, XiaomiCounter,
};

const PACKAGE: &str = "com.example.acme";

/// A vendor's service, and what its console gives to the app.
#[derive(Debug)]
pub struct Vendor {
    /// The service.
    pub service: Service,
    /// What a server has to be configured with, as a JSON object.
    pub credentials: Value,
}

/// The vendors, by name.
#[derive(Debug)]
pub struct Fleet {
    /// `apns`, `xiaomi`, `huawei`, `harmony`, `fcm`, `meizu`, `oppo`, `vivo` and `honor`.
    pub vendors: BTreeMap<&'static str, Vendor>,
}

impl Fleet {
    /// Starts them on ports of loopback; APNs speaks TLS. `settings` says for each where its console sends receipts.
    pub async fn start(settings: impl Fn(&str) -> ServiceSettings) -> io::Result<Self> {
        let (ec, ec_public) = key(&PKCS_ECDSA_P256_SHA256)?;
        let (rsa, rsa_public) = key(&PKCS_RSA_SHA256)?;
        let mut vendors = BTreeMap::new();
        let mut add =
            async |name: &'static str, make: &dyn Fn(&str) -> io::Result<Made>| -> io::Result<()> {
                let mut settings = settings(name);
                settings.tls = name == "apns";
                let mut credentials = Value::Null;
                let service = Service::start_with(settings, |url| {
                    let (counter, given) = make(url)?;
                    credentials = given;
                    Ok(counter)
                });
                let service = service.await?;
                vendors.insert(
                    name,
                    Vendor {
                        service,
                        credentials,
                    },
                );
                Ok(())
            };
        add("apns", &|url| {
            let counter = ApnsCounter::new(ApnsSettings {
                team_id: "TEAM123456".to_owned(),
                key_id: "KEY1234567".to_owned(),
                public_key: ec_public.clone(),
                bundle_id: PACKAGE.to_owned(),
                is_production: true,
            });
            let credentials = json!({
                "team_id": "TEAM123456", "key_id": "KEY1234567", "private_key": ec,
                "bundle_id": PACKAGE, "environments": "production", "production_url": url,
            });
            Ok((
                counter.map(Arc::new).map_err(io::Error::other)?,
                credentials,
            ))
        })
        .await?;
        add("fcm", &|url| {
            let token_uri = format!("{url}/token");
            let counter = FcmCounter::new(FcmSettings {
                project_id: "acme-1".to_owned(),
                client_email: "push@acme-1.example.com".to_owned(),
                private_key_id: "k1".to_owned(),
                public_key: rsa_public.clone(),
                token_uri: token_uri.clone(),
            });
            let credentials = json!({
                "type": "service_account", "project_id": "acme-1", "private_key_id": "k1",
                "private_key": rsa, "client_email": "push@acme-1.example.com",
                "token_uri": token_uri, "base_url": url,
            });
            Ok((
                counter.map(Arc::new).map_err(io::Error::other)?,
                credentials,
            ))
        })
        .await?;
        add("xiaomi", &|url| {
            let counter = XiaomiCounter::new(XiaomiApp {
                app_secret: "xiaomi-secret".to_owned(),
                package: PACKAGE.to_owned(),
                channels: Vec::new(),
            });
            let credentials =
                json!({"app_secret": "xiaomi-secret", "package": PACKAGE, "base_url": url});
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        add("meizu", &|url| {
            let counter = MeizuCounter::new(MeizuApp {
                app_id: "1001".to_owned(),
                app_secret: "meizu-secret".to_owned(),
                receipt_token: "meizu-receipts".to_owned(),
                callbacks: Vec::new(),
            });
            let credentials = json!({
                "app_id": "1001", "app_secret": "meizu-secret", "receipt_token": "meizu-receipts",
                "base_url": url,
            });
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        add("oppo", &|url| {
            let counter = OppoCounter::new("oppo-key", "oppo-secret");
            let credentials =
                json!({"app_key": "oppo-key", "master_secret": "oppo-secret", "base_url": url});
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        add("vivo", &|url| {
            let counter = VivoCounter::new("10001", "vivo-key", "vivo-secret");
            let credentials = json!({
                "app_id": "10001", "app_key": "vivo-key", "app_secret": "vivo-secret",
                "callback_id": "cb1", "base_url": url,
            });
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        add("honor", &|url| {
            let counter = HonorCounter::new(HonorAccount {
                app_id: "100002".to_owned(),
                client_id: "honor-client".to_owned(),
                client_secret: "honor-secret".to_owned(),
            });
            let credentials = json!({
                "app_id": "100002", "client_id": "honor-client", "client_secret": "honor-secret",
                "token_url": format!("{url}/auth/token"), "base_url": url,
            });
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        let service_account = HuaweiServiceAccount {
            key_id: "hk1".to_owned(),
            sub_account: "sub1".to_owned(),
            public_key: rsa_public.clone(),
        };
        let callback = HuaweiCallback {
            user: "cbuser".to_owned(),
            secret: "c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA=".to_owned(),
            is_base64: true,
        };
        add("huawei", &|url| {
            let counter = HuaweiCounter::new(HuaweiAccount {
                app_id: "100001".to_owned(),
                app_secret: "huawei-secret".to_owned(),
                project_id: "736430".to_owned(),
                service_account: None,
                has_high_right: true,
                receipt_urls: BTreeMap::new(),
                callback: Some(callback.clone()),
            });
            let credentials = json!({
                "client_id": "100001", "client_secret": "huawei-secret",
                "token_uri": format!("{url}/oauth2/v3/token"), "base_url": url,
                "callback_user": callback.user, "callback_key": callback.secret,
            });
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        add("harmony", &|url| {
            let counter = HarmonyCounter::new(HarmonyAccount {
                project_id: "736431".to_owned(),
                package: PACKAGE.to_owned(),
                service_account: service_account.clone(),
                receipt_urls: BTreeMap::new(),
                callback: Some(callback.clone()),
            });
            let credentials = json!({
                "project_id": "736431", "key_id": "hk1", "private_key": rsa, "sub_account": "sub1",
                "base_url": url, "callback_user": callback.user, "callback_key": callback.secret,
            });
            Ok((Arc::new(counter), credentials))
        })
        .await?;
        Ok(Self { vendors })
    }

    /// Does something to one of them, or to all.
    ///
    /// # Errors
    ///
    /// A vendor that there is not.
    pub fn act(&self, step: &Step) -> io::Result<()> {
        let name = step.vendor.as_deref();
        let mut services = self
            .vendors
            .iter()
            .filter(|(other, _)| name.is_none_or(|name| name == **other))
            .peekable();
        if services.peek().is_none() {
            let name = name.unwrap_or_default();
            return Err(io::Error::other(format!("there is no vendor `{name}`")));
        }
        for (_, Vendor { service, .. }) in services {
            match step.deed {
                Deed::Down => service.set_down(true),
                Deed::Up => service.set_down(false),
                Deed::Expire => service.expire(),
            }
        }
        Ok(())
    }

    /// Writes what a server needs to call them into a folder: credentials, readable by the owner alone, and the
    /// authority of those that speak TLS. Answers the sections of a configuration that lies in the same folder, each
    /// with these further lines.
    pub fn write(&self, dir: &Path, further: &str) -> io::Result<String> {
        let mut sections = String::new();
        for (name, vendor) in &self.vendors {
            let file = format!("{name}.json");
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let credentials = serde_json::to_vec_pretty(&vendor.credentials)?;
            options.open(dir.join(&file))?.write_all(&credentials)?;
            let mut section =
                format!("[[app.channel]]\nname = \"{name}\"\ncredentials_file = \"{file}\"\n");
            if let Some(certificate) = vendor.service.certificate() {
                let file = format!("{name}-ca.pem");
                fs::write(dir.join(&file), certificate)?;
                section += &format!("ca_file = \"{file}\"\n");
            }
            sections += &section;
            sections += further;
            sections.push('\n');
        }
        Ok(sections)
    }
}

/// A counter, and the credentials that it accepts.
type Made = (Arc<dyn Counter>, Value);

/// A new key in PEM, and its public part.
fn key(algorithm: &'static SignatureAlgorithm) -> io::Result<(String, String)> {
    let key = KeyPair::generate_for(algorithm).map_err(io::Error::other)?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}
