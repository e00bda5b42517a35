// What all terminals of a store must agree on, whatever reached them in which order.
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <set>
#include <tuple>

#include "base/random.h"
#include "crdt/stock.h"
#include "crdt/version_vector.h"

using namespace titan;
using namespace titan::crdt;

namespace {

struct Fact {
  DeviceId device;
  JournalId journal;
  std::uint64_t number = 0;
  Hash hash;
  Hash claim;
  std::vector<StockEffect> effects;

  auto identity() const { return std::tie(journal, number, hash); }
  bool operator<(const Fact& other) const { return identity() < other.identity(); }
};

// A terminal's vector and stock, fed as the mesh feeds them: each fact once.
class Replica {
 public:
  void receive(const Fact& fact) {
    if (!known_.insert(fact).second) return;
    vector_.add(fact.device, fact.journal, fact.number, fact.hash);
    stock_.apply(fact.hash, fact.claim, fact.effects);
  }
  void merge(const Replica& other) {
    for (const Fact& fact : other.known_) receive(fact);
  }
  // What anti-entropy does: the numbers the vectors say are missing, and all branches of journals
  // whose numbers agree but whose content differs.
  void repair_from(const Replica& other) {
    const auto lacking = missing(vector_, other.vector_);
    for (const Fact& fact : other.known_) {
      const auto numbers = lacking.find(fact.journal);
      if (numbers != lacking.end() && numbers->second.contains(fact.number)) receive(fact);
    }
    for (const Fact& fact : other.known_) {
      const VectorItem* mine = vector_.find(fact.journal);
      const VectorItem* theirs = other.vector_.find(fact.journal);
      if (mine->content != theirs->content) receive(fact);
    }
  }
  void check() const {
    vector_.check_invariants();
    stock_.check_invariants();
  }
  const VersionVector& vector() const { return vector_; }
  const Stock& stock() const { return stock_; }

  bool operator==(const Replica& other) const {
    return vector_ == other.vector_ && vector_.root() == other.vector_.root() &&
           stock_.sums() == other.stock_.sums() && stock_.claims() == other.stock_.claims() &&
           stock_.digest() == other.stock_.digest();
  }

 private:
  std::set<Fact> known_;
  VersionVector vector_;
  Stock stock_;
};

std::vector<StockEffect> draw_effects(Random& random) {
  std::vector<StockEffect> effects(random.below(4));
  for (auto& effect : effects) {
    effect.product = std::string(1, static_cast<char>('a' + random.below(5)));
    effect.added = random.below(3);
    effect.removed = random.below(3);
  }
  return effects;
}

// A small store: few journals, forked numbers now and then, claims that many entries share.
std::vector<Fact> draw_facts(Random& random) {
  std::vector<DeviceId> devices(1 + random.below(3));
  for (auto& device : devices) device = DeviceId::draw(random);
  std::vector<Hash> claims(2);
  for (auto& claim : claims) claim = Hash::draw(random);
  std::vector<Fact> facts;
  const auto journal_count = 1 + random.below(4);
  for (std::uint64_t j = 0; j < journal_count; ++j) {
    const DeviceId device = devices[random.below(devices.size())];
    const JournalId journal = JournalId::draw(random);
    const auto length = 1 + random.below(12);
    for (std::uint64_t number = 1; number <= length; ++number) {
      const std::uint64_t branches = random.chance({1, 10}) ? 2 : 1;
      for (std::uint64_t branch = 0; branch < branches; ++branch) {
        Fact fact{device, journal, number, Hash::draw(random), {}, draw_effects(random)};
        if (random.chance({1, 4})) fact.claim = claims[random.below(claims.size())];
        facts.push_back(fact);
      }
    }
  }
  return facts;
}

void shuffle(std::vector<Fact>& facts, Random& random) {
  for (std::size_t i = facts.size(); i > 1; --i) std::swap(facts[i - 1], facts[random.below(i)]);
}

// Some of the facts, in any order, some of them twice.
Replica draw_replica(std::vector<Fact> facts, Random& random, Ratio loss) {
  shuffle(facts, random);
  Replica replica;
  for (const Fact& fact : facts) {
    if (random.chance(loss)) continue;
    replica.receive(fact);
    if (random.chance({1, 5})) replica.receive(facts[random.below(facts.size())]);
  }
  return replica;
}

Replica merged(Replica a, const Replica& b) {
  a.merge(b);
  return a;
}

}  // namespace

TEST_CASE("Merging two terminals") {
  rc::prop("is commutative", [](std::uint64_t seed) {
    Random random(seed);
    const auto facts = draw_facts(random);
    const Replica a = draw_replica(facts, random, {1, 2});
    const Replica b = draw_replica(facts, random, {1, 2});
    RC_ASSERT(merged(a, b) == merged(b, a));
  });
  rc::prop("is associative", [](std::uint64_t seed) {
    Random random(seed);
    const auto facts = draw_facts(random);
    const Replica a = draw_replica(facts, random, {1, 2});
    const Replica b = draw_replica(facts, random, {1, 2});
    const Replica c = draw_replica(facts, random, {1, 2});
    RC_ASSERT(merged(merged(a, b), c) == merged(a, merged(b, c)));
  });
  rc::prop("is idempotent", [](std::uint64_t seed) {
    Random random(seed);
    const Replica a = draw_replica(draw_facts(random), random, {1, 3});
    RC_ASSERT(merged(a, a) == a);
  });
}

TEST_CASE("Terminals agree in the end") {
  rc::prop("after any interleaving and duplication", [](std::uint64_t seed) {
    Random random(seed);
    const auto facts = draw_facts(random);
    const Replica a = draw_replica(facts, random, {0, 1});
    const Replica b = draw_replica(facts, random, {0, 1});
    a.check();
    b.check();
    RC_ASSERT(a == b);
  });
  rc::prop("after loss and repair, each pair in turn", [](std::uint64_t seed) {
    Random random(seed);
    const auto facts = draw_facts(random);
    std::vector<Replica> replicas;
    for (int i = 0; i < 4; ++i) replicas.push_back(draw_replica(facts, random, {1, 2}));
    Replica everything;
    for (const Replica& replica : replicas) everything.merge(replica);
    // A ring, twice round: what one has reaches all, also through third parties.
    for (std::size_t step = 0; step < 2 * replicas.size(); ++step) {
      Replica& from = replicas[step % replicas.size()];
      Replica& to = replicas[(step + 1) % replicas.size()];
      to.repair_from(from);
      to.check();
    }
    for (const Replica& replica : replicas) {
      RC_ASSERT(replica == everything);
      RC_ASSERT(missing(replica.vector(), everything.vector()).empty());
    }
  });
  rc::prop("and of each claim exactly one entry moves stock, the smallest", [](std::uint64_t seed) {
    Random random(seed);
    const auto facts = draw_facts(random);
    const Replica replica = draw_replica(facts, random, {0, 1});
    std::map<Hash, Hash> smallest;
    for (const Fact& fact : facts) {
      if (fact.claim.is_none()) continue;
      const auto [place, is_new] = smallest.emplace(fact.claim, fact.hash);
      if (!is_new) place->second = std::min(place->second, fact.hash);
    }
    Stock expected;
    for (const Fact& fact : facts) {
      const bool counts = fact.claim.is_none() || smallest.at(fact.claim) == fact.hash;
      if (!fact.claim.is_none()) {
        RC_ASSERT(replica.stock().claim_won_by(fact.claim, fact.hash) == counts);
      }
      if (counts) expected.apply(fact.hash, {}, fact.effects);
    }
    RC_ASSERT(replica.stock().sums() == expected.sums());
    RC_ASSERT(replica.stock().digest() == expected.digest());
  });
  rc::prop("and different stock shows in the digest", [](std::uint64_t seed) {
    Random random(seed);
    const auto facts = draw_facts(random);
    const Replica a = draw_replica(facts, random, {1, 2});
    const Replica b = draw_replica(facts, random, {1, 2});
    RC_ASSERT((a.stock().sums() == b.stock().sums()) == (a.stock().digest() == b.stock().digest()));
    RC_ASSERT((a.vector() == b.vector()) == (a.vector().root() == b.vector().root()));
  });
}

TEST_CASE("Claims that are kept only once they are contested") {
  rc::prop(
      "come to the same stock, whatever was shown before it was stored", [](std::uint64_t seed) {
        Random random(seed);
        auto facts = draw_facts(random);
        shuffle(facts, random);
        Stock dense;
        for (const Fact& fact : facts) dense.apply(fact.hash, fact.claim, fact.effects);

        // Some facts are shown a while before they are stored; a fact's rival is known when it is
        // stored, from what was stored before.
        Stock stored;
        Stock shown;
        std::vector<Fact> waiting;
        std::map<Hash, Fact> oldest;
        const auto apply = [](Stock& stock, const Fact& fact) {
          if (fact.claim.is_none()) {
            stock.apply(fact.hash, fact.claim, fact.effects);
          } else {
            stock.apply_unrivalled(fact.hash, fact.claim, fact.effects);
          }
        };
        const auto store_some = [&](std::size_t count) {
          count = std::min(count, waiting.size());
          std::vector<std::pair<Fact, Fact>> rivals;
          for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = random.below(waiting.size());
            const Fact fact = waiting[at];
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(at));
            apply(stored, fact);
            if (fact.claim.is_none()) continue;
            const auto [first, is_new] = oldest.emplace(fact.claim, fact);
            if (!is_new) rivals.emplace_back(first->second, fact);
          }
          for (const auto& [older, later] : rivals) {
            for (Stock* stock : {&stored, &shown}) {
              stock->contest(later.claim, {older.hash, older.effects}, {later.hash, later.effects});
            }
          }
          stored.check_invariants();
        };
        for (const Fact& fact : facts) {
          apply(shown, fact);
          waiting.push_back(fact);
          if (random.chance({1, 3})) store_some(random.below(4));
          // A start: what was shown and not stored is forgotten, and comes again.
          if (random.chance({1, 20})) {
            stored = Stock(stored.sums(), stored.claims());
            shown = stored;
            for (const Fact& again : waiting) apply(shown, again);
          }
        }
        while (!waiting.empty()) store_some(3);
        RC_ASSERT(stored.sums() == dense.sums());
        RC_ASSERT(stored.digest() == dense.digest());
        RC_ASSERT(shown.sums() == dense.sums());
        for (const auto& [claim, winner] : stored.claims()) {
          RC_ASSERT(dense.claims().at(claim) == winner);
        }
      });
}
