//! The crate `tencent_im_rs`: accounts, attributes, tags and pushes, as a backend that uses it would.
//!
//! Phones and statistics are asked for with plain HTTP: that client has neither.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tencent_im_rs::api::v4::TencentHelper;
use tencent_im_rs::api::v4::all_member_push::im_add_tag::{ImAddTagRequest, api_im_add_tag};
use tencent_im_rs::api::v4::all_member_push::im_get_attr_name::{
    ImGetAttrNameRequest, api_im_get_attr_name,
};
use tencent_im_rs::api::v4::all_member_push::im_push::{ImPushRequest, api_im_push};
use tencent_im_rs::api::v4::all_member_push::im_remove_all_tags::{
    ImRemoveAllTagsRequest, api_im_remove_all_tags,
};
use tencent_im_rs::api::v4::all_member_push::im_remove_attr::{
    ImRemoveAttrRequest, RemoveAttribute, api_im_remove_attr,
};
use tencent_im_rs::api::v4::all_member_push::im_remove_tag::{
    ImRemoveTagRequest, api_im_remove_tag,
};
use tencent_im_rs::api::v4::all_member_push::im_set_attr::{ImSetAttrRequest, api_im_set_attr};
use tencent_im_rs::api::v4::all_member_push::im_set_attr_name::{
    ImSetAttrNameRequest, api_im_set_attr_name,
};
use tencent_im_rs::api::v4::common::{
    AccountStatus, ActionStatus, AttributeName, Condition, MsgBody, MsgContent, UserAttribute,
    UserTag,
};
use tencent_im_rs::api::v4::im_open_login_svc::account_check::{
    AccountCheckRequest, CheckItem, api_account_check,
};
use tencent_im_rs::api::v4::im_open_login_svc::account_delete::{
    AccountDeleteRequest, DeleteItem, api_account_delete,
};
use tencent_im_rs::api::v4::im_open_login_svc::account_import::{
    AccountImportRequest, api_account_import,
};
use tencent_im_rs::api::v4::im_open_login_svc::multi_account_import::{
    MultiAccountImportRequest, api_multiaccount_import,
};
use tencent_im_rs::user_sig::hmac_sha256::TencentSig;

use crate::server::{ADMINISTRATOR, APP, CLIENT_KEY, KEY, Server};

const ACCOUNTS: [&str; 3] = ["xiaojun", "小红", "xiaoming"];
/// Pushes must be more than a second apart.
const PUSH_GAP: Duration = Duration::from_millis(1100);

/// The client, and plain HTTP beside it.
struct Cycle {
    helper: TencentHelper,
    http: reqwest::Client,
    host: String,
    usersig: String,
    random: u32,
}

fn usersig(of: &str) -> anyhow::Result<String> {
    let sig = TencentSig::new(APP, KEY.to_owned()).generate_user_sig(of.to_owned(), 86_400);
    sig.context("the client makes no UserSig")
}

/// Runs everything, in the order of a backend's life.
pub(crate) async fn run(server: &Server) -> anyhow::Result<()> {
    let usersig = usersig(ADMINISTRATOR)?;
    let host = server.host();
    let mut cycle = Cycle {
        helper: TencentHelper::new(host.clone(), APP, ADMINISTRATOR.to_owned(), usersig.clone()),
        http: reqwest::Client::new(),
        host,
        usersig,
        random: 0,
    };
    cycle.accounts().await?;
    for account in ACCOUNTS {
        cycle.phone(account).await?;
    }
    cycle.attributes().await?;
    cycle.tags().await?;
    cycle.pushes().await?;
    cycle.taken_away().await
}

/// Fails unless an answer says that it is done.
macro_rules! done {
    ($what:literal, $answer:expr) => {{
        let answer = $answer.await?;
        let ok = (&answer.action_status, answer.error_code) == (&Some(ActionStatus::Ok), Some(0));
        ensure!(
            ok,
            "{}: {:?} {:?}",
            $what,
            answer.error_code,
            answer.error_info
        );
        println!("{}: OK", $what);
        answer
    }};
}

fn pairs(pairs: &[(&'static str, &'static str)]) -> HashMap<&'static str, &'static str> {
    pairs.iter().copied().collect()
}

impl Cycle {
    async fn accounts(&mut self) -> anyhow::Result<()> {
        let helper = &mut self.helper;
        let one = AccountImportRequest::new(ACCOUNTS[0]);
        done!("account_import", api_account_import(helper, one));
        let all = MultiAccountImportRequest::new(ACCOUNTS.to_vec());
        let answer = done!("multiaccount_import", api_multiaccount_import(helper, all));
        ensure!(answer.fail_accounts.unwrap_or_default().is_empty());
        let asked = ACCOUNTS.iter().chain(&["nobody"]).map(CheckItem::new);
        let check = AccountCheckRequest::new(asked.collect());
        let answer = done!("account_check", api_account_check(helper, check));
        let items = answer.result_item.context("account_check: no ResultItem")?;
        let known = items
            .iter()
            .map(|item| item.account_status == AccountStatus::Imported);
        let known: Vec<bool> = known.collect();
        ensure!(
            known == [true, true, true, false],
            "account_check: {items:?}"
        );
        Ok(())
    }

    /// A phone of an account, as a phone registers itself.
    async fn phone(&self, account: &str) -> anyhow::Result<()> {
        let url = format!("https://{}/v1/devices?sdkappid={APP}", self.host);
        let phone =
            json!({"client_key": CLIENT_KEY, "account": account, "usersig": usersig(account)?});
        let answer = self.http.post(url).json(&phone).send().await?;
        ensure!(
            answer.status() == 201,
            "a phone of {account}: {}",
            answer.text().await?
        );
        Ok(())
    }

    async fn attributes(&mut self) -> anyhow::Result<()> {
        let helper = &mut self.helper;
        let mut names = AttributeName::new();
        names.set_zero(Some("sex")).set_one(Some("city"));
        let request = ImSetAttrNameRequest::new(names);
        done!("im_set_attr_name", api_im_set_attr_name(helper, request));
        let request = ImGetAttrNameRequest::new();
        let answer = done!("im_get_attr_name", api_im_get_attr_name(helper, request));
        let mut expected = AttributeName::new();
        expected.set_zero(Some("sex")).set_one(Some("city"));
        ensure!(
            answer.attr_names == Some(expected),
            "im_get_attr_name: {answer:?}"
        );
        let request = ImSetAttrRequest::new(vec![
            UserAttribute::new("xiaojun", pairs(&[("sex", "male"), ("city", "深圳")])),
            UserAttribute::new("小红", pairs(&[("sex", "female"), ("city", "深圳")])),
            UserAttribute::new("xiaoming", pairs(&[("sex", "male"), ("city", "New York")])),
        ]);
        done!("im_set_attr", api_im_set_attr(helper, request));
        Ok(())
    }

    async fn tags(&mut self) -> anyhow::Result<()> {
        let request = ImAddTagRequest::new(vec![
            UserTag::new("xiaojun", vec!["股票A", "b"]),
            UserTag::new("小红", vec!["b"]),
        ]);
        done!("im_add_tag", api_im_add_tag(&mut self.helper, request));
        Ok(())
    }

    async fn pushes(&mut self) -> anyhow::Result<()> {
        for (condition, reached) in [
            (None, 3),
            (Some(Condition::tags_or(vec!["股票A", "b"])), 2),
            (Some(Condition::tags_and(vec!["股票A", "b"])), 1),
            (Some(Condition::tags_or(vec!["nobody has it"])), 0),
            (
                Some(Condition::attrs_or(pairs(&[
                    ("sex", "female"),
                    ("city", "New York"),
                ]))),
                2,
            ),
            (
                Some(Condition::attrs_and(pairs(&[
                    ("sex", "male"),
                    ("city", "深圳"),
                ]))),
                1,
            ),
        ] {
            self.push(condition, reached).await?;
        }
        Ok(())
    }

    async fn taken_away(&mut self) -> anyhow::Result<()> {
        let helper = &mut self.helper;
        let request = ImRemoveTagRequest::new(vec![UserTag::new("xiaojun", vec!["b"])]);
        done!("im_remove_tag", api_im_remove_tag(helper, request));
        let request = ImRemoveAllTagsRequest::new(vec!["小红"]);
        done!(
            "im_remove_all_tags",
            api_im_remove_all_tags(helper, request)
        );
        let request = ImRemoveAttrRequest::new(vec![RemoveAttribute::new("xiaoming", vec!["sex"])]);
        done!("im_remove_attr", api_im_remove_attr(helper, request));
        self.push(Some(Condition::tags_or(vec!["股票A", "b"])), 1)
            .await?;
        self.push(Some(Condition::attrs_or(pairs(&[("sex", "male")]))), 1)
            .await?;
        let items = vec![DeleteItem::new("xiaojun"), DeleteItem::new("nobody")];
        let request = AccountDeleteRequest::new(items);
        let answer = done!(
            "account_delete",
            api_account_delete(&mut self.helper, request)
        );
        let items = answer
            .result_item
            .context("account_delete: no ResultItem")?;
        let codes: Vec<i32> = items.iter().map(|item| item.result_code).collect();
        ensure!(codes == [0, 70107], "account_delete: {items:?}");
        self.push(None, 2).await
    }

    /// Pushes, and compares with whom the statistics say it was planned for.
    async fn push(&mut self, condition: Option<Condition>, reached: u64) -> anyhow::Result<()> {
        tokio::time::sleep(PUSH_GAP).await;
        self.random += 1;
        let said = format!("{condition:?}");
        let body = MsgBody::new(
            MsgContent::str_text(),
            MsgContent::content_text("hi, beauty"),
        );
        let mut request = ImPushRequest::new(self.random, vec![body]);
        request.set_condition(condition).set_msg_life_time(120);
        let answer = done!("im_push", api_im_push(&mut self.helper, request));
        let task = answer.task_id.context("im_push: no TaskId")?;
        for _ in 0..50 {
            let planned = self.planned(&task).await?;
            if planned == reached && reached > 0 {
                println!("  {said}: {planned} planned");
                return Ok(());
            }
            ensure!(
                planned <= reached,
                "{said}: {planned} planned instead of {reached}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let planned = self.planned(&task).await?;
        ensure!(
            planned == reached,
            "{said}: {planned} planned instead of {reached}"
        );
        println!("  {said}: {planned} planned");
        Ok(())
    }

    async fn planned(&self, task: &str) -> anyhow::Result<u64> {
        let url = format!(
            "https://{}/v4/timpush/all_member_push_statistics?sdkappid={APP}&identifier={ADMINISTRATOR}&usersig={}&random=1&contenttype=json",
            self.host, self.usersig
        );
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs();
        let query = json!({"StartTime": now - 3600, "EndTime": now + 3600, "TaskID": [task]});
        let answer: Value = self
            .http
            .post(url)
            .json(&query)
            .send()
            .await?
            .json()
            .await?;
        answer["Results"][0]["TotalCount"]
            .as_u64()
            .with_context(|| format!("statistics: {answer}"))
    }
}
