#include "mesh/wire/convert.h"
#include "mesh/wire/message_wire.h"

namespace titan::mesh::wire {
namespace {

using namespace titan::election;

void put_message(const Beat& message, pb::Frame* out) {
  to_wire(message.news, out->mutable_beat()->mutable_leader());
}
void put_message(const PreVoteRequest& message, pb::Frame* out) {
  out->mutable_pre_vote_request()->set_round(message.round);
}
void put_message(const PreVoteReply& message, pb::Frame* out) {
  pb::PreVoteReply* reply = out->mutable_pre_vote_reply();
  reply->set_round(message.round);
  reply->set_answer(static_cast<std::uint32_t>(message.answer));
  reply->set_promised_term(message.promised_term);
  to_wire(message.news, reply->mutable_leader());
}
void put_message(const VoteRequest& message, pb::Frame* out) {
  pb::VoteRequest* request = out->mutable_vote_request();
  request->set_term(message.term);
  to_wire(message.hand_over_of, request->mutable_hand_over_of());
}
void put_message(const VoteReply& message, pb::Frame* out) {
  pb::VoteReply* reply = out->mutable_vote_reply();
  reply->set_term(message.term);
  reply->set_answer(static_cast<std::uint32_t>(message.answer));
  reply->set_promised_term(message.promised_term);
  to_wire(message.news, reply->mutable_leader());
}
void put_message(const HandOver& message, pb::Frame* out) {
  to_wire(message.token, out->mutable_hand_over()->mutable_token());
  out->mutable_hand_over()->set_reason(static_cast<std::uint32_t>(message.reason));
}
void put_message(const StepDown& message, pb::Frame* out) {
  pb::StepDown* step_down = out->mutable_step_down();
  to_wire(message.token, step_down->mutable_token());
  step_down->set_reason(static_cast<std::uint32_t>(message.reason));
  to_wire(message.successor, step_down->mutable_successor());
}

std::uint64_t term_from(Reader& reader, std::uint64_t term, const char* field) {
  if (term > term_max) reader.fail(field, "is beyond any real term");
  return term;
}

PreVoteReply reply_from(Reader& reader, const pb::PreVoteReply& in) {
  return {.round = in.round(),
          .answer = reader.choice(in.answer(), VoteAnswer::vote_pending, "pre_vote_reply.answer"),
          .promised_term = term_from(reader, in.promised_term(), "pre_vote_reply.promised_term"),
          .news = news_from(reader, in.leader())};
}

VoteReply reply_from(Reader& reader, const pb::VoteReply& in) {
  return {.term = term_from(reader, in.term(), "vote_reply.term"),
          .answer = reader.choice(in.answer(), VoteAnswer::vote_pending, "vote_reply.answer"),
          .promised_term = term_from(reader, in.promised_term(), "vote_reply.promised_term"),
          .news = news_from(reader, in.leader())};
}

}  // namespace

void to_frame(const election::Message& message, pb::Frame* out) {
  std::visit([out](const auto& one) { put_message(one, out); }, message);
}

election::Message election_message_from(Reader& reader, const pb::Frame& in) {
  switch (in.message_case()) {
    case pb::Frame::kBeat:
      return Beat{news_from(reader, in.beat().leader())};
    case pb::Frame::kPreVoteRequest:
      return PreVoteRequest{in.pre_vote_request().round()};
    case pb::Frame::kPreVoteReply:
      return reply_from(reader, in.pre_vote_reply());
    case pb::Frame::kVoteRequest:
      return VoteRequest{term_from(reader, in.vote_request().term(), "vote_request.term"),
                         token_from(reader, in.vote_request().hand_over_of())};
    case pb::Frame::kVoteReply:
      return reply_from(reader, in.vote_reply());
    case pb::Frame::kHandOver:
      return HandOver{
          token_from(reader, in.hand_over().token()),
          reader.choice(in.hand_over().reason(), HandOverReason::cloud, "hand_over.reason")};
    case pb::Frame::kStepDown:
      return StepDown{
          token_from(reader, in.step_down().token()),
          reader.choice(in.step_down().reason(), StepDownReason::stalled, "step_down.reason"),
          token_from(reader, in.step_down().successor())};
    default:
      reader.fail("message", "is of a kind that this version does not know",
                  ErrorCode::unsupported);
      return {};
  }
}

}  // namespace titan::mesh::wire
