// Who holds the lease of a store, and when a holder is gone.
#include "tests/simulations/contract/cloud/cloud_cases.h"

namespace titan::test {
namespace {

constexpr Duration lease_lasts = seconds(5);

// What a till hears that asks for the lease under too low a token.
uplink::HandshakeRefused holder_of(CloudUnderTest& cloud, const Till& till) {
  return cloud.connect(till)->try_to_join(1);
}

CLOUD_CASE("a holder that is cut off and does not come back is gone long before its lease ends") {
  TestType cloud;
  Till first_till("till-1"), second_till("till-2");
  const auto first = cloud.connect(first_till);
  first->join(5);
  cloud.let_pass(milliseconds(300));
  first->close("cut off");
  cloud.let_pass(milliseconds(2500));
  const auto second = cloud.connect(second_till);
  const auto refused = second->try_to_join(4);
  CHECK(refused.code == uplink::RefusalCode::lower_token);
  CHECK(refused.holder_gone);
}

CLOUD_CASE("a holder that was cut off and came back keeps its lease") {
  TestType cloud;
  Till first_till("till-1"), second_till("till-2");
  const auto first = cloud.connect(first_till);
  first->join(5);
  first->close("cut off");
  const auto again = cloud.connect(first_till);
  again->join(5);
  cloud.let_pass(milliseconds(2500));
  const auto refused = cloud.connect(second_till)->try_to_join(4);
  CHECK_FALSE(refused.holder_gone);
}

CLOUD_CASE("a lower token is refused and told who holds the lease") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  const auto low = cloud.connect(second);
  const auto refused = low->try_to_join(4);
  CHECK(refused.code == uplink::RefusalCode::lower_token);
  CHECK(refused.holder == holder->token(5));
  CHECK_FALSE(refused.holder_gone);
  low->wait_until_closed();
  CHECK(holder->upload(sales(first, 1)).accepted == 1);
}

CLOUD_CASE("a higher token, or a newer connection of the same, fences the older connection") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto oldest = cloud.connect(first);
  oldest->join(5);
  const auto same = cloud.connect(first);
  same->join(5);
  CHECK(oldest->template receive<uplink::Closing>().code == uplink::ClosingCode::fenced);
  oldest->wait_until_closed();

  // A batch under way when the lease moves is kept, acknowledged or not.
  const auto entries = sales(first, 3);
  same->send_batch(entries);
  const auto higher = cloud.connect(second);
  higher->join(6);
  const auto closing = same->template receive<uplink::Closing>();
  CHECK(closing.code == uplink::ClosingCode::fenced);
  CHECK(closing.holder == higher->token(6));
  same->wait_until_closed();
  higher->wait_for_watermark(entries);
}

CLOUD_CASE("who says goodbye is gone at once; a lower token stays out all the same") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  holder->close(uplink::goodbye);
  cloud.run_until([&] { return holder_of(cloud, second).holder_gone; }, "the holder to be gone",
                  seconds(3));
  CHECK(holder_of(cloud, second).holder == holder->token(5));
  const auto low = cloud.connect(second);
  CHECK(low->try_to_join(4).code == uplink::RefusalCode::lower_token);
  // It comes back: there again.
  const auto back = cloud.connect(first);
  back->join(5);
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
}

CLOUD_CASE(
    "the lease runs out where it is not renewed, not before, and comes back with a renewal") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  const Duration joined = cloud.now();
  while (cloud.now() < joined + lease_lasts + seconds(1)) {
    cloud.let_pass(milliseconds(1500));
    CHECK_FALSE(holder_of(cloud, second).holder_gone);
    holder->renew();
    (void)holder->template receive<uplink::LeaseRenewed>();
  }
  const Duration renewed = cloud.now();
  cloud.let_pass(seconds(3));
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
  cloud.run_until([&] { return holder_of(cloud, second).holder_gone; }, "the lease to run out",
                  seconds(4));
  CHECK(cloud.now() - renewed >= lease_lasts - milliseconds(100));
  // Nobody has taken it meanwhile.
  holder->renew();
  (void)holder->template receive<uplink::LeaseRenewed>();
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
  // Its connection has done its work all the time.
  CHECK(holder->upload(sales(first, 1)).accepted == 1);
}

CLOUD_CASE("a connection that is lost gives the lease up as little as one that stands") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  holder->close("the line is bad");
  cloud.let_pass(milliseconds(300));
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
}

CLOUD_CASE("two gateways: the lease moves at one, the holder at the other learns it and is kept") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  const auto late = sales(first, 4);
  at_one->send_batch(late);  // under way while the lease moves
  const auto at_two = cloud.connect(second);
  at_two->join(6);
  const auto closing = at_one->template receive<uplink::Closing>();  // without a renewal
  CHECK(closing.code == uplink::ClosingCode::lease_lost);
  CHECK(closing.holder == at_two->token(6));
  at_one->wait_until_closed();
  cloud.run_until([&] { return cloud.holds(late); }, "the late batch to be projected");
  const auto marker = sales(second, 1);
  CHECK(at_two->upload(marker).accepted == 1);
  at_two->wait_for_watermark(late);
}

CLOUD_CASE("two gateways: one stalls with a batch, which is kept when it goes on") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  const auto entries = sales(first, 2);
  CHECK(at_one->upload(entries).accepted == 2);
  cloud.stall_first_gateway(seconds(1));
  const auto late = sales(first, 3);
  at_one->send_batch(late);
  at_one->renew();
  const auto at_two = cloud.connect(second);
  at_two->join(6);
  CHECK_FALSE(cloud.holds(late));
  CHECK(at_one->template receive<uplink::Closing>().code == uplink::ClosingCode::lease_lost);
  cloud.run_until([&] { return cloud.holds(late); }, "the late batch to be projected");
  CHECK(cloud.stock().at("A").removed == 5'000'000);
}

CLOUD_CASE("two gateways: a renewal after a goodbye that came late makes the holder be there") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  const auto at_two = cloud.connect(first);
  at_two->join(5);
  at_one->close(uplink::goodbye);
  cloud.run_until([&] { return holder_of(cloud, second).holder_gone; }, "the goodbye to be heard",
                  seconds(3));
  at_two->renew();
  (void)at_two->template receive<uplink::LeaseRenewed>();
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
}

}  // namespace
}  // namespace titan::test
