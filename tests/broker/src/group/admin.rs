//! DescribeGroups, ListGroups and DeleteGroups.

use kafka_proto::messages::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsDescribedGroup,
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroupMember, ListGroupsRequest,
    ListGroupsResponse, ListedGroup,
};
use kafka_proto::{Array, ErrorCode};

use super::classic::State;
use super::{Group, Kind};
use crate::cluster::Cluster;
use crate::conn::encode;
use crate::request::{Hangup, Rq};

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

impl Group {
    pub fn state_name(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(classic) => classic.state.name(),
            Kind::Consumer(group) => group.state_name(),
        }
    }

    fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(_) => "classic",
            Kind::Consumer(_) => "consumer",
        }
    }

    fn protocol_type(&self) -> &str {
        match &self.kind {
            Kind::Classic(classic) => classic.protocol_type.as_deref().unwrap_or_default(),
            Kind::Consumer(_) => CONSUMER,
        }
    }
}

impl Cluster {
    pub(crate) fn describe_groups(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: DescribeGroupsRequest<'_> = rq.decode()?;
        let members: Vec<Vec<DescribedGroupMember<'_>>> = request
            .groups
            .iter()
            .map(|name| match self.groups.get(name).map(|g| &g.kind) {
                Some(Kind::Classic(classic)) => {
                    let stable = classic.state == State::Stable;
                    let protocol = classic.protocol.as_deref().filter(|_| stable);
                    let row = |m| describe_member(m, protocol);
                    classic.members.iter().map(row).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        let groups: Vec<DescribeGroupsDescribedGroup<'_>> = request
            .groups
            .iter()
            .zip(&members)
            .map(|(name, members)| self.describe(rq, name, members))
            .collect();
        let answer =
            DescribeGroupsResponse { throttle_time_ms: self.throttle_ms(), groups: Array::slice(&groups) };
        let frame = encode(&rq.ticket, &answer, Vec::new());
        self.conns.send(&rq.ticket, frame);
        Ok(())
    }

    fn describe<'a>(
        &'a self,
        rq: &Rq<'_>,
        name: &'a str,
        members: &'a [DescribedGroupMember<'a>],
    ) -> DescribeGroupsDescribedGroup<'a> {
        let mut row = DescribeGroupsDescribedGroup { group_id: name, ..Default::default() };
        if let Err(code) = self.check_group(name, rq) {
            row.error_code = code;
            return row;
        }
        match self.groups.get(name).map(|g| &g.kind) {
            Some(Kind::Classic(classic)) => {
                row.group_state = classic.state.name();
                row.protocol_type = classic.protocol_type.as_deref().unwrap_or_default();
                if classic.state == State::Stable {
                    row.protocol_data = classic.protocol.as_deref().unwrap_or_default();
                }
                row.members = Array::slice(members);
            }
            _ => {
                row.group_state = "Dead";
                // KIP-1043: since version 6 a group that is not there is an error.
                if rq.version >= 6 {
                    row.error_code = ErrorCode::GROUP_ID_NOT_FOUND;
                    row.error_message = Some("there is no such classic group");
                }
            }
        }
        row
    }

    pub(crate) fn list_groups(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: ListGroupsRequest<'_> = rq.decode()?;
        let wanted = |filter: &Array<'_, &str>, value: &str| {
            filter.is_empty() || filter.iter().any(|f| f.eq_ignore_ascii_case(value))
        };
        let groups: Vec<ListedGroup<'_>> = self
            .groups
            .iter()
            .filter(|(name, _)| self.coordinator_of(name).is_some_and(|n| n.id == rq.node))
            .filter(|(_, g)| wanted(&request.states_filter, g.state_name()))
            .filter(|(_, g)| wanted(&request.types_filter, g.type_name()))
            .map(|(name, g)| ListedGroup {
                group_id: name,
                protocol_type: g.protocol_type(),
                group_state: g.state_name(),
                group_type: g.type_name(),
            })
            .collect();
        let answer = ListGroupsResponse {
            throttle_time_ms: self.throttle_ms(),
            error_code: rq.forced.unwrap_or(ErrorCode::NONE),
            groups: Array::slice(&groups),
        };
        let frame = encode(&rq.ticket, &answer, Vec::new());
        self.conns.send(&rq.ticket, frame);
        Ok(())
    }

    pub(crate) fn delete_groups(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: DeleteGroupsRequest<'_> = rq.decode()?;
        let mut results = Vec::new();
        for group_id in request.groups_names {
            let error_code = match self.check_group(group_id, rq) {
                Err(code) => code,
                Ok(()) => match self.groups.get(group_id) {
                    None => ErrorCode::GROUP_ID_NOT_FOUND,
                    Some(group) if !group.is_empty() => ErrorCode::NON_EMPTY_GROUP,
                    Some(_) => {
                        self.groups.remove(group_id);
                        ErrorCode::NONE
                    }
                },
            };
            results.push(DeletableGroupResult { group_id, error_code, error_message: None });
        }
        let answer =
            DeleteGroupsResponse { throttle_time_ms: self.throttle_ms(), results: Array::slice(&results) };
        self.conns.reply(&rq.ticket, &answer);
        Ok(())
    }
}

fn describe_member<'a>(m: &'a super::classic::Member, protocol: Option<&str>) -> DescribedGroupMember<'a> {
    DescribedGroupMember {
        member_id: &m.id,
        group_instance_id: m.instance_id.as_deref(),
        client_id: &m.client_id,
        client_host: "/127.0.0.1",
        member_metadata: m.metadata(protocol),
        member_assignment: if protocol.is_some() { &m.assignment } else { &[] },
    }
}
