// Corosync's names as metrics with labels.
#include "libs/metrics/openmetrics.h"

#include <gtest/gtest.h>

namespace motet::metrics {
namespace {

TEST(OpenMetrics, NumbersInNamesBecomeLabels) {
    OpenMetrics m;
    m.add("stats.knet.node2.link0.mtu", ValueType::u32, "1446");
    m.add("stats.knet.node3.link0.mtu", ValueType::u32, "1400");
    m.add("stats.worker.cpg.restarts", ValueType::u64, "3");
    m.add("runtime.services.cpg.3.tx", ValueType::u64, "7");
    EXPECT_EQ(m.text(),
              "# TYPE motet_knet_mtu gauge\n# HELP motet_knet_mtu Value of stats.knet.nodeN.linkN.mtu.\n"
              "motet_knet_mtu{node=\"2\",link=\"0\"} 1446\nmotet_knet_mtu{node=\"3\",link=\"0\"} 1400\n"
              "# TYPE motet_runtime_services_tx counter\n# HELP motet_runtime_services_tx Value of runtime.services.cpg.N.tx.\n"
              "motet_runtime_services_tx_total{service=\"cpg\",number=\"3\"} 7\n"
              "# TYPE motet_worker_restarts counter\n# HELP motet_worker_restarts Value of stats.worker.cpg.restarts.\n"
              "motet_worker_restarts_total{worker=\"cpg\"} 3\n# EOF\n");
}

TEST(OpenMetrics, CountersEndInTotalAndGaugesDoNot) {
    OpenMetrics m;
    m.add("stats.srp.mcast_tx", ValueType::u64, "5");
    m.add("stats.srp.time_since_token_last_received", ValueType::u64, "12");
    m.add("stats.srp.mtt_rx_token", ValueType::u32, "2");
    const std::string text = m.text();
    EXPECT_NE(text.find("motet_srp_mcast_tx_total 5\n"), std::string::npos);
    EXPECT_NE(text.find("# TYPE motet_srp_time_since_token_last_received gauge\n"), std::string::npos);
    EXPECT_NE(text.find("motet_srp_mtt_rx_token 2\n"), std::string::npos);
}

TEST(OpenMetrics, TextIsALabelAndCannotBreakTheFormat) {
    OpenMetrics m;
    m.add("stats.worker.cpg.state", ValueType::text, "a\"b\\c\nd");
    EXPECT_NE(m.text().find("motet_worker_state_info{worker=\"cpg\",value=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos) << m.text();
    OpenMetrics odd;
    odd.add("stats.x-y/z.0", ValueType::u32, "1");
    EXPECT_NE(odd.text().find("motet_x_y_z{number=\"0\"} 1\n"), std::string::npos) << odd.text();
}

TEST(OpenMetrics, AFamilyStandsTogetherAndTheTextEnds) {
    OpenMetrics m;
    EXPECT_EQ(m.text(), "# EOF\n");
    m.add("stats.b", ValueType::u32, "1");
    m.add("stats.a", ValueType::u32, "1");
    m.gauge("motet_b", "again", {{"process", "cpg"}}, "2");
    m.gauge("motet_b", "the same once more", {}, "3");
    EXPECT_EQ(m.text(), "# TYPE motet_a gauge\n# HELP motet_a Value of stats.a.\nmotet_a 1\n# TYPE motet_b gauge\n# HELP motet_b Value of stats.b.\nmotet_b 1\nmotet_b{process=\"cpg\"} 2\n# EOF\n");
}

TEST(OpenMetrics, ValuesAreShownAsTheirTypeSays) {
    const auto value = [](ValueType type, auto n) { return NamedValue{"x", type, std::string(reinterpret_cast<const char*>(&n), sizeof n)}; };
    EXPECT_EQ(shown(value(ValueType::u64, std::uint64_t{UINT64_MAX})), "18446744073709551615");
    EXPECT_EQ(shown(value(ValueType::i32, std::int32_t{-5})), "-5");
    EXPECT_EQ(shown(value(ValueType::f64, 0.5)), "0.5");
}

}  // namespace
}  // namespace motet::metrics
