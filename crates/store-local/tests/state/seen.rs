//! All that the ports of an engine show, and numbers by the order in which they were given.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pushtally_model::{AppId, AttributeNames, Device, Number, Revocation};
use pushtally_store::{
    AuditEntry, Engine, Labelled, Registered, StoredTask, Unregistered, Updated,
};

use crate::fixture::{APP, APPS, account};
use crate::labelled;

/// Everything that the ports show.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) devices: BTreeMap<Number, Device>,
    accounts: Vec<(bool, Vec<Number>)>,
    labels: Vec<(AttributeNames, Vec<Option<Labelled>>)>,
    counts: Vec<u64>,
    shards: Vec<Vec<u16>>,
    ends: BTreeMap<AppId, u32>,
    tasks: Vec<(StoredTask, usize, Option<Revocation>)>,
    paused: Vec<bool>,
    audit: Vec<AuditEntry>,
}

pub(crate) async fn look(ports: &Engine) -> Seen {
    let mut seen = Seen {
        devices: BTreeMap::new(),
        accounts: Vec::new(),
        labels: Vec::new(),
        counts: Vec::new(),
        shards: Vec::new(),
        ends: ports.devices.device_numbers_end().await.unwrap(),
        tasks: Vec::new(),
        paused: Vec::new(),
        audit: ports.audit.entries(None, None, 1000).await.unwrap(),
    };
    for app in APPS {
        seen.counts
            .push(ports.devices.count_devices(app).await.unwrap());
        seen.labels.push(labelled::look(ports, app).await);
        seen.paused.push(ports.tasks.app_paused(app).await.unwrap());
        let shards = ports.devices.device_shards(app).await.unwrap();
        for shard in &shards {
            let mut visit = |device: Device| {
                // Numbers of the second app are moved out of the way of the first one's.
                let number = Number(device.number.0 + u32::from(app != APP) * 0x4000_0000);
                assert_eq!(seen.devices.insert(number, device), None);
                ControlFlow::Continue(())
            };
            ports
                .devices
                .visit_shard(app, *shard, &mut visit)
                .await
                .unwrap();
        }
        seen.shards.push(shards);
        for n in 0..4 {
            let devices = ports
                .devices
                .devices_of_account(app, &account(n))
                .await
                .unwrap();
            let known = ports.devices.account_known(app, &account(n)).await.unwrap();
            let numbers = devices.iter().map(|device| device.number).collect();
            seen.accounts.push((known, numbers));
        }
    }
    for task in ports.tasks.list_tasks(None, None, 1000).await.unwrap() {
        let left = ports.tasks.jobs_left(task.seq).await.unwrap();
        let revocation = ports.tasks.revocation(task.seq).await.unwrap();
        seen.tasks.push((task, left, revocation));
    }
    seen
}

/// Numbers in the order in which they were given, by app.
#[derive(Default)]
pub(crate) struct Order(BTreeMap<(AppId, Number), Number>);

impl Order {
    fn give(&mut self, app: AppId, number: Number) {
        let given = self.0.keys().filter(|(other, _)| *other == app).count() as u32;
        let again = self.0.insert((app, number), Number(given));
        assert_eq!(again, None, "number {number} was given before");
    }

    pub(crate) fn of(&self, app: AppId, number: Number) -> Number {
        self.0[&(app, number)]
    }

    /// The number that was given as this one.
    pub(crate) fn given(&self, app: AppId, place: Number) -> Option<Number> {
        let mut all = self.0.iter();
        let found = all.find(|((of, _), given)| *of == app && **given == place);
        found.map(|((_, number), _)| *number)
    }

    pub(crate) fn all(&self, app: AppId) -> impl Iterator<Item = Number> {
        let keys = self.0.keys();
        keys.filter(move |(of, _)| *of == app)
            .map(|(_, number)| *number)
    }

    /// What was seen, with numbers by order; ends and shards follow from the gaps and are left out.
    pub(crate) fn seen(&self, seen: Seen) -> Seen {
        let mut devices = BTreeMap::new();
        for (moved, mut device) in seen.devices {
            let app = APPS[usize::from(moved.0 >= 0x4000_0000)];
            device.number = self.of(app, device.number);
            devices.insert(
                Number(device.number.0 + u32::from(app != APP) * 0x4000_0000),
                device,
            );
        }
        let accounts = seen
            .accounts
            .into_iter()
            .enumerate()
            .map(|(at, (known, numbers))| {
                let app = APPS[at / 4];
                (
                    known,
                    numbers
                        .into_iter()
                        .map(|number| self.of(app, number))
                        .collect(),
                )
            });
        Seen {
            devices,
            accounts: accounts.collect(),
            shards: Vec::new(),
            ends: BTreeMap::new(),
            ..seen
        }
    }

    pub(crate) fn registered(&mut self, app: AppId, answer: Registered) -> Registered {
        match answer {
            Registered::New { number, replaced } => {
                self.give(app, number);
                Registered::New {
                    number: self.of(app, number),
                    replaced: replaced.map(|number| self.of(app, number)),
                }
            }
            Registered::Changed { number } => Registered::Changed {
                number: self.of(app, number),
            },
            Registered::Claimed { number } => Registered::Claimed {
                number: self.of(app, number),
            },
            Registered::Same { number } => Registered::Same {
                number: self.of(app, number),
            },
            Registered::OtherSecret | Registered::Full => answer,
        }
    }

    pub(crate) fn updated(&self, app: AppId, answer: Updated) -> Updated {
        match answer {
            Updated::Changed(number) => Updated::Changed(self.of(app, number)),
            Updated::Same(number) => Updated::Same(self.of(app, number)),
            Updated::Nothing | Updated::OtherSecret => answer,
        }
    }

    pub(crate) fn unregistered(&self, app: AppId, answer: Unregistered) -> Unregistered {
        match answer {
            Unregistered::Done(number) => Unregistered::Done(self.of(app, number)),
            Unregistered::Nothing | Unregistered::OtherSecret => answer,
        }
    }
}
