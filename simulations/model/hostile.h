// What a member says that is hostile, or broken beyond what a fault of its disk or clock explains.
//
// It keeps running as it was: only what it says is made up. Everything is said with its own links
// and keys, as a bad member could, and is real bytes of the wire.
#pragma once

#include "mesh/messages.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/terminal.h"

namespace titan::simulations {

// To everybody but the victim: that it has left, as gossip under a higher incarnation than its own,
// and as its own goodbye that the liar pretends to relay.
void tell_false_leave(Surroundings& surroundings, Terminal& liar, const mesh::MemberInfo& victim);

// To every member: entries that the liar signs with its own key under the names of the victim's
// journals that it holds, as number 1 with an opening of its own and as the number behind the last.
void tell_stolen_journals(Surroundings& surroundings, Terminal& liar, const DeviceId& victim);

// To every member, as news of a leader, a request for votes and a promise; and to the cloud as the
// token of a handshake: a term of 2^62.
void tell_absurd_term(Surroundings& surroundings, Terminal& liar);

}  // namespace titan::simulations
