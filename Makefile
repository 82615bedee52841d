# make lab                          the VXLAN lab, from nothing to checked packets in artifacts/
# make lab SCENARIO=routed          another scenario than the seed's
# make lab LAB=two                  a lab of another name beside it; LAB=two with each of these targets is about that one
# make scenarios                    which ones there are
# make lab ARGS="-e lab_driver=docker"   ARGS goes to ansible-playbook
# make lab-check                    whether the running lab is right, layer by layer, and what is to blame where not
# make lab-trace FROM=vm1 TO=vm2    which way a ping would go in the running lab, and why
# make controller-fault NAME=...    a fault for the controller of the running lab, and whether it keeps its contract
# make lab-run SCENARIO=tenants     builds it, checks it, and removes it again: one exit code, for a CI
# make exercises                    faults to find; make exercise NAME=... begins one
# make exercise-hint, exercise-check, exercise-solution   go on with it
# make lab UNTIL=bridge             stops there (or at emulator, switch, binding, remotes), and says how to go on by hand
# make lab-shell NODE=hv1           a shell on a node of the running lab
# make lab-report                   writes artifacts/report.html anew, from the artifacts alone
# make lab-image                    makes the docker driver's node image ahead of time
# make lab-down                     removes every trace of it
# make test                         every test suite
# make test SUITES="units lab"      some of them
# make bench                        benchmarks/RESULTS.md: every contender in one run, about half an hour
# make clean                        removes what the set-up put into this folder

export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
PLAYBOOK = .venv/bin/ansible-playbook $(if $(LAB),-e lab_name=$(LAB)) $(if $(SCENARIO),-e lab_scenario=$(SCENARIO)) $(if $(UNTIL),-e lab_until=$(UNTIL)) $(ARGS)
# Only namespaces take root; who sets a become option knows how to become it.
ROOT_PLAYBOOK = $(PLAYBOOK) $(if $(findstring docker,$(ARGS))$(findstring become,$(ARGS)),,$$(scripts/become-options))
SETUP = scripts/setup $(if $(findstring docker,$(ARGS)),docker)

.PHONY: lab scenarios lab-shell controller-fault lab-check lab-trace lab-run exercises exercise exercise-hint exercise-check exercise-solution lab-report lab-image lab-down test bench constraints clean

# What changes is shown, and the summary at the end; ANSIBLE_DISPLAY_OK_HOSTS=yes shows all.
lab: export ANSIBLE_DISPLAY_OK_HOSTS ?= no
lab:
	@$(SETUP)
	@$(ROOT_PLAYBOOK) playbooks/lab.yml

scenarios:
	@cd playbooks/scenarios && for file in *.yml; do printf '%-10s%s\n' "$${file%.yml}" "$$(sed -n 's/^lab_title: "*\([^"]*\)"*$$/\1/p' "$$file")"; done

lab-shell:
	@scripts/shell "$(or $(LAB),vxlanlab)" "$(NODE)"

lab-check: export ANSIBLE_DISPLAY_OK_HOSTS ?= no
lab-check:
	@$(SETUP)
	@$(ROOT_PLAYBOOK) playbooks/lab_check.yml

lab-trace: export ANSIBLE_DISPLAY_OK_HOSTS ?= no
lab-trace:
	@$(SETUP)
	@$(ROOT_PLAYBOOK) $(if $(FROM),-e trace_from=$(FROM)) $(if $(TO),-e trace_to=$(TO)) playbooks/lab_trace.yml

controller-fault: export ANSIBLE_DISPLAY_OK_HOSTS ?= no
controller-fault:
	@$(SETUP)
	@$(ROOT_PLAYBOOK) $(if $(NAME),-e fault=$(NAME)) playbooks/lab_controller_fault.yml

# Also after Ctrl-C, it is removed.
lab-run: export ANSIBLE_DISPLAY_OK_HOSTS ?= no
lab-run:
	@$(SETUP)
	@trap : INT TERM; $(ROOT_PLAYBOOK) playbooks/lab.yml && $(ROOT_PLAYBOOK) playbooks/lab_check.yml; status=$$?; \
	    $(ROOT_PLAYBOOK) playbooks/lab_down.yml && exit $$status

exercises exercise exercise-hint exercise-check exercise-solution: export ANSIBLE_DISPLAY_OK_HOSTS ?= no
exercises exercise-hint:
	@$(SETUP)
	@$(PLAYBOOK) playbooks/lab_$(subst -,_,$@).yml

exercise exercise-check exercise-solution:
	@$(SETUP)
	@$(ROOT_PLAYBOOK) $(if $(NAME),-e exercise=$(NAME)) playbooks/lab_$(subst -,_,$@).yml

lab-report:
	@$(SETUP)
	@$(PLAYBOOK) playbooks/lab_report.yml

lab-image:
	@scripts/setup docker
	@$(PLAYBOOK) playbooks/lab_image.yml

lab-down:
	@$(SETUP)
	@$(ROOT_PLAYBOOK) playbooks/lab_down.yml

test:
	@tests/run $(SUITES)

bench:
	@scripts/setup tests
	@.venv/bin/pip install -q --disable-pip-version-check -r requirements-bench.txt
	@.venv/bin/python benchmarks/run.py

# Pins anew what the ranges in requirements*.txt resolve to today. Run it on Python 3.11, the oldest that uses the pins. Python 3.12
# and later run a later ansible-core.
constraints:
	rm -rf .venv .cache/core
	: > constraints.txt
	scripts/setup tests
	.venv/bin/pip download -qq --no-deps --only-binary :all: --python-version 3.12 -d .cache/core "$$(grep ^ansible-core requirements.txt)"
	(echo "# The versions that the tests ran with; used on Python 3.11 to 3.13. \`make constraints\` writes it anew."; \
	    .venv/bin/pip freeze | sed 's/^ansible-core==.*/&; python_version < "3.12"/'; \
	    echo "ansible-core==$$(ls .cache/core | cut -d- -f2); python_version >= \"3.12\"") > constraints.txt

# What is below .cache/docker belongs to root.
clean:
	rm -rf .venv .cache .ansible || sudo rm -rf .cache
