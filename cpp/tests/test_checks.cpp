#include <array>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/checks.hpp"

using namespace slicefast;

namespace {

void ranges_hold_finite_numbers_only() {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const Range& range : {any_finite, not_negative, positive, unit_interval}) {
    CHECK(!range.holds(nan));
    CHECK(!range.holds(infinity));
    CHECK(!range.holds(-infinity));
    CHECK(range.holds(0.5));
  }
  CHECK(not_negative.holds(0.0) && !positive.holds(0.0) && positive.holds(5e-324) && !not_negative.holds(-5e-324));
  CHECK(unit_interval.holds(1.0) && !unit_interval.holds(1.0000000000000002));
}

// The pass over an array says what holds() says of each number.
void arrays_are_held_against_the_same_ranges() {
  using Numbers = std::numeric_limits<double>;
  const double specials[] = {0.0,
                             -0.0,
                             1.0,
                             1.0000000000000002,
                             0.9999999999999999,
                             5e-324,
                             -5e-324,
                             Numbers::max(),
                             Numbers::lowest(),
                             Numbers::infinity(),
                             -Numbers::infinity(),
                             Numbers::quiet_NaN()};
  const Range ranges[] = {
      any_finite,  not_negative, positive,      unit_interval,
      at_least(1), above(1),     within(-1, 1), Range{.low = 0, .high = 1, .without_low = true, .without_high = true}};
  for (const Range& range : ranges)
    for (const double value : specials) {
      std::vector<double> values(9, range.holds(0.5) ? 0.5 : 2.0);
      CHECK(all_within(std::span<const double>(values), range));
      values[7] = value;
      CHECK(all_within(std::span<const double>(values), range) == range.holds(value));
      const auto narrow = static_cast<float>(value);
      CHECK(all_within(std::span<const float>(&narrow, 1), range) == range.holds(static_cast<double>(narrow)));
    }
}

void messages_name_argument_value_and_range() {
  const std::vector<double> values{1.0, -0.25};
  const std::vector<std::int32_t> indices{0, 3}, none{-1, -2};
  CHECK(message_of([] { check_value("fold_db", -1e-13, within(0, 10)); }) == "fold_db: got -1e-13, allowed: 0 to 10");
  CHECK(message_of([] { check_value("beta", 0.0, above(1)); }) == "beta: got 0, allowed: above 1 and finite");
  CHECK(message_of([] { check_value("n", 0, at_least(1)); }) == "n: got 0, allowed: at least 1 and finite");
  CHECK(message_of([] { check_value("h", 14.0, Range{1, 13, true, false}); }) ==
        "h: got 14, allowed: above 1 and up to 13");
  CHECK(message_of([] { check_value("p", 1.0, Range{0, 1, false, true}); }) == "p: got 1, allowed: 0 to below 1");
  CHECK(message_of([&] { check_values("rho", std::span(values), not_negative, "cell"); }) ==
        "rho: cell 1 has -0.25, allowed: at least 0 and finite");
  CHECK(message_of([&] { check_indices("serving", indices, 3, "user"); }) == "serving: user 1 has 3, allowed: 0 to 2");
  CHECK(message_of([&] { check_indices("serving", none, 3, "user", -1); }) ==
        "serving: user 1 has -2, allowed: -1 (none), 0 to 2");
  CHECK(message_of([] { check_size("x_m", 3, 700, "user"); }) == "x_m: got 3 values, allowed: 700, one per user");
  CHECK(message_of([] { check_shape("gain", 2, 3, 2, 4); }) == "gain: got shape (2, 3), allowed: (2, 4)");
  CHECK(message_of([] { check_shape("gain", 2, 3, 2, 3); }).empty());
}

void names_are_looked_up() {
  constexpr std::array<std::string_view, 2> names = {"tti", "flow"};
  CHECK(check_name("fidelity", "flow", names) == 1);
  CHECK(message_of([&] { check_name("fidelity", "slot", names); }) == "fidelity: got 'slot', allowed: tti, flow");
}

}  // namespace

void test_checks() {
  ranges_hold_finite_numbers_only();
  arrays_are_held_against_the_same_ranges();
  messages_name_argument_value_and_range();
  names_are_looked_up();
}
