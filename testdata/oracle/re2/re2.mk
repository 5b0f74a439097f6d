# The library, with all its names, and a program for each test. Debian's own makefile hides the names that tests need, and links
# them with the library's objects once more.
tests = charclass_test compile_test filtered_re2_test mimics_pcre_test parse_test possible_match_test re2_arg_test \
	re2_test regexp_test required_prefix_test search_test set_test simplify_test string_generator_test
helpers = backtrack dump exhaustive_tester null_walker regexp_generator string_generator tester

library = $(patsubst %.cc,obj/%.o,util/rune.cc util/strutil.cc $(wildcard re2/*.cc))
shared = obj/util/pcre.o obj/util/test.o $(helpers:%=obj/re2/testing/%.o)

all: $(tests:%=obj/%)
obj/libre2.so.9: $(library)
	$(CXX) -shared -Wl,-soname,libre2.so.9 -pthread $(LDFLAGS) -o $@ $^
obj/%_test: obj/re2/testing/%_test.o $(shared) obj/libre2.so.9
	$(CXX) -pthread $(LDFLAGS) -o $@ $^
obj/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) -c $(CPPFLAGS) $(CXXFLAGS) $(if $(filter $@,$(library)),-fPIC) -DNDEBUG -pthread -I. -o $@ $<
