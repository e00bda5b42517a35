#include "election/describe.h"

#include <variant>

#include "base/overloaded.h"

namespace titan::election {
namespace {

std::string of_votes(std::uint32_t granted, std::uint32_t electorate) {
  return std::to_string(granted) + " of " + std::to_string(electorate);
}

std::string answer_text(VoteAnswer answer, std::uint64_t promised_term, const LeaderNews& news,
                        const NameOf& name) {
  std::string text = to_string(answer);
  if (answer == VoteAnswer::leader_alive) text += " " + describe(news.token, name);
  if (answer == VoteAnswer::promised_higher) text += ": term " + std::to_string(promised_term);
  return text;
}

}  // namespace

std::string short_name(const ProcessId& process) {
  return process.hex().substr(0, 8);
}

const char* to_string(VoteAnswer answer) {
  switch (answer) {
    case VoteAnswer::granted:
      return "granted";
    case VoteAnswer::leader_alive:
      return "veto: hears leader";
    case VoteAnswer::promised_higher:
      return "refused: promised already";
    case VoteAnswer::vote_pending:
      return "refused: another vote is pending";
  }
  return "unknown answer";
}

const char* to_string(StepDownReason reason) {
  switch (reason) {
    case StepDownReason::handed_over:
      return "handed over";
    case StepDownReason::leaving:
      return "leaving";
    case StepDownReason::met_better_leader:
      return "met a better leader";
    case StepDownReason::hears_nobody:
      return "hears nobody";
    case StepDownReason::stalled:
      return "stalled longer than its lease";
  }
  return "unknown reason";
}

const char* to_string(HandOverReason reason) {
  switch (reason) {
    case HandOverReason::leaving:
      return "leaving";
    case HandOverReason::cloud:
      return "cannot reach the cloud";
  }
  return "unknown reason";
}

std::string describe(const Token& token, const NameOf& name) {
  if (token.is_none()) return "(none)";
  return "(" + std::to_string(token.term) + " " + name(token.process) + ")";
}

std::string token_text(const Token& token) {
  return "term " + std::to_string(token.term) + " of process " + short_name(token.process);
}

std::string describe(const Message& message, const NameOf& name) {
  return std::visit(
      Overloaded{
          [&](const Beat& m) {
            return "beat " + std::to_string(m.news.beat) + " of " + describe(m.news.token, name);
          },
          [&](const PreVoteRequest& m) {
            return "pre-vote request, round " + std::to_string(m.round);
          },
          [&](const PreVoteReply& m) {
            return "pre-vote " + answer_text(m.answer, m.promised_term, m.news, name);
          },
          [&](const VoteRequest& m) {
            std::string text = "vote request for term " + std::to_string(m.term);
            if (!m.hand_over_of.is_none())
              text += ", handed over by " + describe(m.hand_over_of, name);
            return text;
          },
          [&](const VoteReply& m) {
            return "vote for term " + std::to_string(m.term) + " " +
                   answer_text(m.answer, m.promised_term, m.news, name);
          },
          [&](const HandOver& m) {
            return "hand-over of " + describe(m.token, name) + ": " + to_string(m.reason);
          },
          [&](const StepDown& m) {
            return "step-down of " + describe(m.token, name) + ": " + to_string(m.reason);
          },
      },
      message);
}

std::string describe(const Event& event, const NameOf& name) {
  return std::visit(
      Overloaded{
          [&](const BecameLeader& e) { return "leads under " + describe(e.token, name); },
          [&](const TokenRaised& e) {
            return "goes on under " + describe(e.to, name) + " instead of " +
                   describe(e.from, name);
          },
          [&](const SteppedDown& e) {
            std::string text =
                "steps down from " + describe(e.token, name) + ": " + to_string(e.reason);
            if (!e.successor.is_none()) text += " " + describe(e.successor, name);
            return text;
          },
          [&](const LeaderChanged& e) {
            return e.token.is_none() ? std::string("hears no leader")
                                     : "follows " + describe(e.token, name);
          },
          [&](const PreVoteStarted& e) {
            return "asks for a pre-vote, rank " + std::to_string(e.rank) + " in a view of " +
                   std::to_string(e.electorate);
          },
          [&](const VoteStarted& e) {
            return "stands for term " + std::to_string(e.term) + " in a view of " +
                   std::to_string(e.electorate);
          },
          [&](const Vetoed& e) {
            return "is vetoed by " + name(e.by) + ", who hears " + describe(e.leader, name);
          },
          [&](const RoundFailed& e) {
            return "gives up the round with " + of_votes(e.granted, e.electorate);
          },
          [&](const HandOverStarted& e) {
            return "hands over to " + name(e.to) + ": " + std::string(to_string(e.reason));
          },
      },
      event);
}

}  // namespace titan::election
